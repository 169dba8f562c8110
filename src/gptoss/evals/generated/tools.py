"""Function calling, graded by the structure of the calls: one, several, none, and those that need results of others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.generated.calls import calling, difference, shown_calls, with_results
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.function_set import (
    VERBS,
    again,
    draw_function,
    draw_functions,
)
from gptoss.evals.generated.generated_suite import GeneratedSuite, Rules, item
from gptoss.evals.generated.vocabulary import THINGS
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Call, Question
from gptoss.evals.suite import Ask, Sample

_FORMS = ("one", "choose", "several", "parallel", "nested", "none fits", "missing", "results")
_SIZES = (3, 6, 12)
_DONE = json.dumps({"status": "done"})


class Tools(GeneratedSuite):
    """Forms of a request that functions are there for.

    one, choose  a function alone, or one of up to twelve
    several      two functions, each once
    parallel     one function, two to four times
    nested       objects and lists in the arguments
    none fits    first something that no function does, then something that one does
    missing      first a request that lacks an argument, then the argument
    results      what one call gives is an argument of the next, and what that gives is the answer
    """

    name = "tools"
    usual = 160
    rules = Rules(
        prompt="made-up functions as tools, and a user who says all arguments",
        extraction="the calls; several may come in one turn or one after the other, each answered with `done`",
        scoring="right if all calls are right and there are no others: names and arguments, text without regard to "
        "case, numbers by value; where none may be made yet, both turns must be right",
        tokens={"low": 150, "medium": 400, "high": 900},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """Functions, what the user says turn by turn, and the calls that are right then."""
        form = _FORMS[number % len(_FORMS)]
        size = _SIZES[number // len(_FORMS) % len(_SIZES)]
        data = _DRAWN[form](draws, size)
        return {"form": form, "functions": f"{len(data['tools']):2}"}, data

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Say what the user says, turn by turn, and give results to calls."""
        data: Mapping[str, Any] = sample.data
        messages: list[Mapping[str, object]] = []
        for step in data["steps"]:
            if "said" in step:
                messages.append({"role": "user", "content": step["said"]})
            answer, reason = await _take(messages, data["tools"], step, ask)
            if reason:
                is_silent = not (answer.calls or answer.content)
                if is_silent:
                    missing = Grade.missing(is_cut_off=answer.is_cut_off, reason=reason)
                    return [item(sample, missing)]
                return [item(sample, Grade.of(False, found=_shown(answer), reason=reason))]
        return [item(sample, Grade.of(True, found=_shown(answer)))]

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The right calls of each step, or words where there is none."""
        data: Mapping[str, Any] = sample.data
        return [
            calling(*step["calls"])
            if step["calls"]
            else Answer(content=step.get("says", "I cannot."))
            for step in data["steps"]
        ]


async def _take(
    messages: list[Mapping[str, object]],
    tools: Sequence[Mapping[str, object]],
    step: Mapping[str, Any],
    ask: Ask,
) -> tuple[Answer, str]:
    """Play one step, whose calls may take several turns; the last answer, and what is wrong."""
    right = step["calls"]
    made: list[Call] = []
    while True:
        question = Question(messages=tuple(messages), tools=tools, parallel_calls=len(right) > 1)
        answer = await ask(question)
        made += answer.calls
        # A turn without a call is the last; so is one that has brought all.
        if not answer.calls or len(made) >= len(right):
            break
        messages += with_results(answer, [step["gives"]] * len(answer.calls))
    reason = difference(made, right)
    if not reason and "says" in step and step["says"] not in _numbers(answer.content):
        reason = f"wanted {step['says']} in the answer"
    if not reason and answer.calls:
        messages += with_results(answer, [step["gives"]] * len(answer.calls))
    elif not reason:
        messages.append(answer.message())
    return answer, reason


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text.replace(",", ""))


def _shown(answer: Answer) -> str:
    return shown_calls(answer.calls) if answer.calls else answer.content


Drawn = dict[str, Any]


def _steps(functions: Sequence[Any], *steps: Mapping[str, Any]) -> Drawn:
    return {
        "tools": [each.tool for each in functions],
        "steps": [{"gives": _DONE, **s} for s in steps],
    }


def _one(draws: Draws, size: int) -> Drawn:
    function = draw_function(draws, draws.one_of(VERBS), draws.one_of(THINGS))
    return _steps([function], {"said": function.wish(), "calls": [function.call]})


def _choose(draws: Draws, size: int) -> Drawn:
    functions = draw_functions(draws, size)
    chosen = draws.one_of(functions)
    return _steps(functions, {"said": chosen.wish(), "calls": [chosen.call]})


def _several(draws: Draws, size: int) -> Drawn:
    functions = draw_functions(draws, size)
    first, second = draws.some_of(functions, 2)
    said = f"Two things. {first.wish()} {second.wish()}"
    return _steps(functions, {"said": said, "calls": [first.call, second.call]})


def _parallel(draws: Draws, size: int) -> Drawn:
    functions = draw_functions(draws, size)
    calls = [draws.one_of(functions)]
    for _ in range(draws.between(1, 3)):
        calls.append(again(calls[-1], draws))
    said = " ".join(["Several things.", *(each.wish() for each in calls)])
    return _steps(functions, {"said": said, "calls": [each.call for each in calls]})


def _nested(draws: Draws, size: int) -> Drawn:
    function = draw_function(draws, draws.one_of(VERBS), draws.one_of(THINGS), is_nested=True)
    return _steps([function], {"said": function.wish(), "calls": [function.call]})


def _none_fits(draws: Draws, size: int) -> Drawn:
    functions = draw_functions(draws, size)
    chosen = draws.one_of(functions)
    verbs = {each.verb for each in functions}
    other = draw_function(draws, draws.one_of([v for v in VERBS if v not in verbs]), chosen.thing)
    return _steps(
        functions,
        {"said": other.wish(), "calls": []},
        {"said": f"Then something else. {chosen.wish()}", "calls": [chosen.call]},
    )


def _missing(draws: Draws, size: int) -> Drawn:
    functions = draw_functions(draws, size)
    chosen = draws.one_of(functions)
    lacking = draws.one_of(chosen.parameters)
    return _steps(
        functions,
        {"said": chosen.wish(without=lacking.name), "calls": []},
        {"said": f"Sorry: {lacking.said}.", "calls": [chosen.call]},
    )


def _results(draws: Draws, size: int) -> Drawn:
    functions = draw_functions(draws, max(size, 2))
    order, _ = draws.some_of(functions, 2)
    keeper = draw_function(draws, "find", order.thing)
    number, price = draws.digits(5), draws.digits(4)
    key = {
        "type": "integer",
        "description": f"Number of the {order.thing}, as find_{order.thing} gives it",
    }
    tool = order.tool
    tool["function"]["parameters"] = {
        "type": "object", "properties": {"item": key}, "required": ["item"],
    }  # fmt: skip
    tool["function"]["description"] = (
        f"{order.verb.capitalize()}s a {order.thing} and gives the price."
    )
    tools = [keeper.tool, *(tool if each is order else each.tool for each in functions)]
    said = f"{keeper.wish()} Then {order.verb} the one that you found, and tell me its price as a number."
    call = {"name": order.name, "arguments": {"item": number}}
    steps = [
        {"said": said, "calls": [keeper.call], "gives": json.dumps({"item": number})},
        {"calls": [call], "gives": json.dumps({"price": price})},
        {"calls": [], "gives": _DONE, "says": str(price)},
    ]
    return {"tools": draws.shuffled(tools), "steps": steps}


_DRAWN = {
    "one": _one, "choose": _choose, "several": _several, "parallel": _parallel, "nested": _nested,
    "none fits": _none_fits, "missing": _missing, "results": _results,
}  # fmt: skip
