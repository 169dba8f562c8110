"""The references inside a schema: where each leads, which come back to themselves, and how much they may write out."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from gptoss.errors import MessageError
from gptoss.harmony.frozen_json import thaw
from gptoss.schemas import resolve

# Of one tool. A schema whose references multiply would fill the context; the largest real ones need a few hundred.
MAX_EXPANSIONS = 1000
# Of the schemas of all tools, with what references stand for: several times what the longest context holds.
MAX_CHARACTERS = 2 << 20


class Expansions:
    """Counts the text of schemas and of what references write out, over all tools of a conversation."""

    def __init__(self) -> None:
        self._num_characters = 0
        # With the value, so that no other one gets its identity.
        self._characters_by_id: dict[int, tuple[object, int]] = {}

    def of(self, tool: str) -> ToolExpansions:
        """The count for one tool."""
        return ToolExpansions(self, tool)

    def add(self, value: object) -> bool:
        """Count a part of a schema once more; whether there is room for it."""
        self._num_characters += self._characters(value)
        return self._num_characters <= MAX_CHARACTERS

    def _characters(self, value: object) -> int:
        if not isinstance(value, Mapping | tuple | list):
            return len(value) if isinstance(value, str) else 8
        if id(value) not in self._characters_by_id:
            inner = (*value, *value.values()) if isinstance(value, Mapping) else value
            num = 2 + sum(map(self._characters, inner))
            self._characters_by_id[id(value)] = value, num
        return self._characters_by_id[id(value)][1]


class ToolExpansions:
    """Counts the references of one tool that are written out."""

    def __init__(self, all_tools: Expansions, tool: str) -> None:
        self._all = all_tools
        self._tool = tool
        self._num = 0

    def spend(self, target: object) -> None:
        """Count a reference to this. Raises MessageError where there are too many, or they stand for too much."""
        self._num += 1
        if self._num > MAX_EXPANSIONS:
            raise MessageError(
                f"got parameters of {self._tool} whose $ref expand more than {MAX_EXPANSIONS} "
                "times, wanted a smaller schema"
            )
        self.spend_text(target)

    def spend_text(self, target: object) -> None:
        """Count the text alone. Raises MessageError where it is too much."""
        if not self._all.add(target):
            raise MessageError(
                f"got parameters of {self._tool} with which those of all tools, each $ref written out, have more than "
                f"{MAX_CHARACTERS:,} characters, wanted smaller schemas"
            )


class TypeNames:
    """The names of types in one namespace, and what each stands for."""

    def __init__(self, tools: Iterable[str]) -> None:
        # None: a tool, which no definition means.
        self._meaning_by_name: dict[str, str | None] = dict.fromkeys(tools)
        self._name_by_meaning: dict[tuple[str, str | None], str] = {}
        self._number_by_name: dict[str, int] = {}
        self._meaning_by_id: dict[int, tuple[object, str]] = {}

    def of(self, pointer: str, definition: object) -> tuple[str, bool]:
        """The definition's own name, numbered if it means something else already; and whether it is new."""
        own = re.sub(r"\W", "_", pointer.rsplit("/", 1)[-1]).strip("_") or "Parameters"
        meaning = self._meaning_of(definition)
        while (own, meaning) not in self._name_by_meaning:
            # Each number is looked at once, however many definitions share a name.
            number = self._number_by_name[own] = self._number_by_name.get(own, 0) + 1
            name = own if number == 1 else f"{own}_{number}"
            is_new = name not in self._meaning_by_name
            known = self._meaning_by_name.setdefault(name, meaning)
            self._name_by_meaning.setdefault((own, known), name)
            if is_new:
                return name, True
        return self._name_by_meaning[own, meaning], False

    def _meaning_of(self, definition: object) -> str:
        if id(definition) not in self._meaning_by_id:
            meaning = json.dumps(thaw(definition), sort_keys=True)
            self._meaning_by_id[id(definition)] = definition, meaning
        return self._meaning_by_id[id(definition)][1]


def recursive_pointers(root: Mapping[str, object]) -> list[str]:
    """References that come back to themselves, in the order in which they are met."""
    # Several may lead to one place, spelled differently: it is looked at once.
    target_by_pointer: dict[str, int] = {}
    pointers_in: dict[int, list[str]] = {}
    waiting = deque(_pointers(root))
    while waiting:
        pointer = waiting.popleft()
        if pointer in target_by_pointer:
            continue
        target = resolve(root, pointer)
        target_by_pointer[pointer] = id(target)
        if id(target) not in pointers_in:
            pointers_in[id(target)] = _pointers(target)
            waiting += pointers_in[id(target)]
    leads_to = {
        place: [target_by_pointer[pointer] for pointer in pointers]
        for place, pointers in pointers_in.items()
    }
    component = _components(leads_to)
    recursive = {
        pointer
        for place, pointers in pointers_in.items()
        for pointer in pointers
        if component[place] == component[target_by_pointer[pointer]]
    }
    return [pointer for pointer in target_by_pointer if pointer in recursive]


def _pointers(schema: object) -> list[str]:
    """References in a schema, its definitions apart, each once."""
    found: dict[str, None] = {}
    _find_pointers(schema, found)
    return [*found]


def _find_pointers(schema: object, found: dict[str, None]) -> None:
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                found[value] = None
            elif key not in ("$defs", "definitions", "enum", "const", "default", "examples"):
                _find_pointers(value, found)
    elif isinstance(schema, tuple | list):
        for item in schema:
            _find_pointers(item, found)


def _components(edges: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """For each node one of those that it reaches and that reach it: the same for all of these."""
    component: dict[int, int] = {}
    back: dict[int, list[int]] = {node: [] for node in edges}
    for node, others in edges.items():
        for other in others:
            back[other].append(node)
    for start in reversed(_finished(edges)):
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if node not in component:
                component[node] = start
                waiting += back[node]
    return component


def _finished(edges: Mapping[int, Sequence[int]]) -> list[int]:
    """Nodes in the order in which a search in depth leaves them."""
    left: list[int] = []
    seen: set[int] = set()
    for start in edges:
        path = [] if start in seen else [(start, iter(edges[start]))]
        seen.add(start)
        while path:
            node, others = path[-1]
            other = next((each for each in others if each not in seen), None)
            if other is None:
                left.append(node)
                path.pop()
            else:
                seen.add(other)
                path.append((other, iter(edges[other])))
    return left
