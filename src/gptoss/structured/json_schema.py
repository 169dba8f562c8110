"""JSON Schemas before they become grammars: references, values without end, and what the compiler is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from gptoss.errors import SchemaError, shown
from gptoss.structured.keywords import REFERENCE, combined_multiples, keep_keywords
from gptoss.structured.rules import Schema
from gptoss.structured.schema_limits import parts
from gptoss.structured.string_formats import KNOWN_FORMATS, narrow_format

# Between the parts of JSON: nothing, a space, or a new line and its indentation; more would only fill an answer.
_WHITESPACE = r"(\x20|\x0D?\x0A[\x20\x09]{0,40})?"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A schema for the compiler, and what of it is left out, in words."""

    schema: dict[str, object]
    left_out: tuple[str, ...] = ()


def prepare(schema: Schema, what: str, *, is_lenient: bool) -> Prepared:
    """The schema as the grammar's compiler takes it, changed in place. Nothing is fetched.

    is_lenient  whether what cannot be enforced is left out, and `oneOf` taken for `anyOf`

    Raises SchemaError, naming `what`, for keywords with wrong values, references that lead elsewhere, and if no value
    matches or, as far as that can be seen, each goes on for ever.
    """
    found = [part for part, _ in parts(schema)]
    left_out: list[str] = []
    for part in found:
        left_out += keep_keywords(part, what, is_lenient=is_lenient)
    if combined_multiples(found):
        raise SchemaError(f"{what}: got several multipleOf together, wanted one, or smaller ones")
    known = {id(part) for part in found}
    for part in found:
        _check_reference(part, schema, known, what)
    if not _Values(schema).have_end(schema):
        raise SchemaError(
            f"{what}: no value matches it, or every one goes on for ever: see what refers to itself, and `false`"
        )
    for part in found:
        if not is_lenient or part.get("format") in KNOWN_FORMATS:
            narrow_format(part, what)
    options = {
        "whitespace_pattern": _WHITESPACE,
        "lenient": is_lenient,
        "coerce_one_of": is_lenient,
    }
    whole = {**({} if isinstance(schema, bool) else schema), "x-guidance": options}
    return Prepared(whole, tuple(dict.fromkeys(left_out)))


def _check_reference(part: dict[str, Any], schema: Schema, known: set[int], what: str) -> None:
    reference = part.get("$ref")
    if reference is None:
        return
    if not REFERENCE.match(reference):
        raise SchemaError(
            f"{what}: got the reference {shown(reference)}, wanted one into the schema itself, "
            "as #/$defs/name: nothing is fetched"
        )
    target = _resolve(schema, reference)
    if target is None:
        raise SchemaError(f"{what}: the reference {shown(reference)} leads nowhere")
    if isinstance(target, dict) and id(target) not in known:
        raise SchemaError(
            f"{what}: the reference {shown(reference)} leads to what is no schema where it stands; put it into $defs"
        )


def _resolve(schema: Schema, reference: str) -> Schema | None:
    at: object = schema
    for name in unquote(reference.removeprefix("#")).split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and name in at:
            at = at[name]
        elif isinstance(at, list) and re.fullmatch(r"\d{1,9}", name) and int(name) < len(at):
            at = at[int(name)]
        else:
            return None
    return at if isinstance(at, dict | bool) else None


@dataclass(slots=True)
class _Condition:
    """One of several schemas has a value that ends, as a part of the whole needs; `part` is that one's identity."""

    part: int
    is_met: bool = False


class _Values:
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
            needed.append(_resolve(self._schema, part["$ref"]))
        # Where a value can be something else than an object or an array, that has an end.
        kind = part.get("type")
        if kind in ("object", ["object"]):
            named = part.get("properties")
            named = named if isinstance(named, dict) else {}
            further = part.get("additionalProperties", True)
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


def as_text(grammars: Mapping[str, Mapping[str, object]]) -> str:
    """Named grammars as llguidance reads them."""
    return json.dumps({"grammars": [{"name": name, **each} for name, each in grammars.items()]})
