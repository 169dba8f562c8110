"""Multi-turn tasks of the Berkeley Function Calling Leaderboard: back ends, true calls, and who judges them."""

from __future__ import annotations

import ast
import copy
import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gptoss.harmony import ToolDescription
from gptoss.tools import Invocation, Tool, function_tool
from gptoss.tools.tool_run import as_result
from tests.suites.trajectory import Call, TurnPlan

CATEGORIES = ("base", "miss_func", "miss_param", "long_context")
# What the suite says of these two disagrees with its own true calls: tickets of some scenarios have words for numbers,
# and a function is kept back until the turn behind its first call.
_LOOSE = {f"multi_turn_{category}_173": "close_ticket" for category in CATEGORIES}
_EARLY = {"multi_turn_miss_func_49": "tail"}
# The suite's own words, where functions are added and nobody says anything.
_ADDED = "I have updated some more functions you can choose from. What about now?"


@dataclass(frozen=True)
class Task:
    """One of two hundred of a category.

    turns   what is said in each
    truth   the calls of each turn, as Python text
    held    by turn, the functions that are kept back until then
    """

    name: str
    turns: tuple[str, ...]
    truth: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    config: Mapping[str, Any]
    excluded: frozenset[str]
    held: Mapping[int, frozenset[str]]
    is_long: bool

    def back_ends(self) -> dict[str, Any]:
        """The suite's simulated services, each in its state at the beginning."""
        from bfcl_eval.constants import executable_backend_config as suite

        made = {}
        for name in self.classes:
            module = importlib.import_module(suite.CLASS_FILE_PATH_MAPPING[name])
            made[name] = getattr(module, name)()
            if name not in suite.STATELESS_CLASSES:
                config = copy.deepcopy(self.config.get(name, {}))
                made[name]._load_scenario(config, long_context=self.is_long)
        return made

    def plans(self, back_ends: Mapping[str, Any]) -> list[TurnPlan]:
        """The true calls, and the functions that there are for each turn."""
        tools = {
            name: self._tool(back_ends[each], name)
            for each in self.classes
            for name in _documented(each)
            if name not in self.excluded
        }
        plans = []
        for index, (said, truth) in enumerate(zip(self.turns, self.truth, strict=True)):
            offered = None
            if index == 0 or index in self.held:
                kept = [name for turn, names in self.held.items() if turn > index for name in names]
                kept = [name for name in kept if name != _EARLY.get(self.name)]
                offered = [tool for name, tool in tools.items() if name not in kept]
            calls = tuple(_call(text, tools) for text in truth)
            plans.append(TurnPlan(said or _ADDED, calls, tools=offered))
        return plans

    def direct(self, back_ends: Mapping[str, Any], index: int) -> list[str]:
        """What the true calls of a turn give, made one after the other without a model, as a model reads it."""
        owners = {name: back_ends[each] for each in self.classes for name in _documented(each)}
        found = []
        for text in self.truth[index]:
            name, values, named = _parsed(text)
            # Read at once: later calls may change what it holds.
            found.append(as_result(getattr(owners[name], name)(*values, **named)).text)
        return found

    def _tool(self, back_end: Any, name: str) -> Tool:
        method = getattr(back_end, name)
        if _LOOSE.get(self.name) != name:
            return function_tool(method)

        def run(invocation: Invocation) -> object:
            return method(**json.loads(invocation.arguments))

        loose = {"type": "object", "properties": {"ticket_id": {}}}
        return Tool(ToolDescription(name, "", loose), run=run)


def tasks(category: str) -> Iterator[Task]:
    """The two hundred tasks of a category."""
    name = f"BFCL_v4_multi_turn_{category}.json"
    truths = {each["id"]: each["ground_truth"] for each in _lines("possible_answer", name)}
    for each in _lines(name):
        held = each.get("missed_function", {})
        yield Task(
            each["id"],
            tuple(said[0]["content"] if said else "" for said in each["question"]),
            tuple(map(tuple, truths[each["id"]])),
            tuple(each["involved_classes"]),
            each["initial_config"],
            frozenset(each.get("excluded_function", ())),
            {int(turn): frozenset(names) for turn, names in held.items()},
            category == "long_context",
        )


def _parsed(text: str) -> tuple[str, list[object], dict[str, object]]:
    """A call written in Python: whose, with which values, and with which by name."""
    parsed = ast.parse(text, mode="eval").body
    assert isinstance(parsed, ast.Call)
    assert isinstance(parsed.func, ast.Name)
    named = {str(each.arg): ast.literal_eval(each.value) for each in parsed.keywords}
    return parsed.func.id, [ast.literal_eval(each) for each in parsed.args], named


def _call(text: str, tools: Mapping[str, Tool]) -> Call:
    """The same, its arguments in the order in which they are declared."""
    name, values, named = _parsed(text)
    schema: Any = tools[name].description.parameters
    declared = list(schema["properties"])
    given = dict(zip(declared, values, strict=False)) | named
    assert given.keys() <= set(declared), text
    return Call(name, {each: given[each] for each in declared if each in given})


@cache
def _documented(back_end: str) -> list[str]:
    from bfcl_eval.constants.executable_backend_config import MULTI_TURN_FUNC_DOC_FILE_MAPPING

    name = MULTI_TURN_FUNC_DOC_FILE_MAPPING[back_end]
    return [each["name"] for each in _lines("multi_turn_func_doc", name)]


def _lines(*path: str) -> list[dict[str, Any]]:
    text = files("bfcl_eval").joinpath("data", *path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
