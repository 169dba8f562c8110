"""Which schemas have a value at all that ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gptoss.schemas import Schema, parts, resolve


@dataclass(slots=True)
class _Condition:
    """One of several schemas has a value that ends, as a part of the whole needs; `part` is that one's identity."""

    part: int
    is_met: bool = False


class Values:
    """Which schemas have a value that ends: the least that is consistent, found from below.

    Each condition is met once and counted then, so that the work is that of reading the schema.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._have_end: set[int] = set()
        self._num_unmet: dict[int, int] = {}
        self._conditions_on: dict[int, list[_Condition]] = {}
        for part, _ in parts(schema):
            self._add(part)
        waiting = [part for part, num in self._num_unmet.items() if not num]
        while waiting:
            part_id = waiting.pop()
            self._have_end.add(part_id)
            for condition in self._conditions_on.get(part_id, ()):
                self._num_unmet[condition.part] -= not condition.is_met
                if not (condition.is_met or self._num_unmet[condition.part]):
                    waiting.append(condition.part)
                condition.is_met = True

    def have_end(self, schema: object) -> bool:
        """Of one inside the whole."""
        return id(schema) in self._have_end if isinstance(schema, dict) else schema is not False

    def _add(self, part: dict[str, Any]) -> None:
        needed = [[each] for each in self._needed(part)]
        unmet = [
            several for several in (*needed, *self._alternatives(part)) if not _is_met(several)
        ]
        self._num_unmet[id(part)] = len(unmet)
        for several in unmet:
            condition = _Condition(id(part))
            for each in several:
                self._conditions_on.setdefault(id(each), []).append(condition)

    def _alternatives(self, part: dict[str, Any]) -> list[list[object]]:
        return [_list(part, name) for name in ("anyOf", "oneOf") if _list(part, name)]

    def _needed(self, part: dict[str, Any]) -> list[object]:
        """What every value of a schema contains or is."""
        needed = list(_list(part, "allOf"))
        if "$ref" in part:
            needed.append(resolve(self._schema, part["$ref"]))
        # Where a value can be something else than an object or an array, that has an end.
        kind = part.get("type")
        if kind in ("object", ["object"]):
            named = part.get("properties")
            named = named if isinstance(named, dict) else {}
            # A name may be one of a pattern's, which is not looked at.
            further = part.get("patternProperties") or part.get("additionalProperties", True)
            needed += [named.get(name, further) for name in map(str, _list(part, "required"))]
            needed += [further] if part.get("minProperties", 0) > len(named) else []
        elif kind in ("array", ["array"]):
            least = part.get("minItems")
            least = int(least) if isinstance(least, int | float) else 0
            first = _list(part, "prefixItems")
            needed += first[: max(0, least)]
            needed += [part["items"]] if least > len(first) and "items" in part else []
        return needed


def _is_met(several: list[object]) -> bool:
    """Whether one of them is no schema that must be looked at, nor `false`."""
    return any(not isinstance(each, dict) and each is not False for each in several)


def _list(part: dict[str, Any], name: str) -> list[Any]:
    value = part.get(name)
    return value if isinstance(value, list) else []
