"""JSON Schemas before they become grammars: references, values without end, and what the compiler is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gptoss.errors import SchemaError
from gptoss.structured.rules import Schema
from gptoss.structured.schema_limits import parts
from gptoss.structured.string_formats import KNOWN_FORMATS, narrow_format

# Between the parts of JSON: nothing, a space, or a new line and its indentation; more would only fill an answer.
_WHITESPACE = r"(\x20|\x0D?\x0A[\x20\x09]{0,40})?"
# Say nothing of a value that a grammar could see.
_ANNOTATIONS = (
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "x-guidance",
)


def prepare(schema: Schema, what: str, *, is_lenient: bool) -> dict[str, object]:
    """The schema as the grammar's compiler takes it, changed in place. Nothing is fetched.

    is_lenient  whether the compiler leaves out what it cannot enforce, and takes `oneOf` for `anyOf`

    Raises SchemaError, naming `what`, for references that lead elsewhere, and if no value matches or each goes on for
    ever.
    """
    for part, _ in parts(schema):
        for name in _ANNOTATIONS:
            part.pop(name, None)
        _check_references(part, schema, what)
    for part, _ in list(parts(schema)):
        if not is_lenient or part.get("format") in KNOWN_FORMATS:
            narrow_format(part, what)
    if not _Values(schema).have_end(schema):
        raise SchemaError(
            f"{what}: no value matches it, or every one goes on for ever: see what refers to itself, and `false`"
        )
    options = {
        "whitespace_pattern": _WHITESPACE,
        "json_allow_general_unicode_escapes": True,
        "lenient": is_lenient,
        "coerce_one_of": is_lenient,
    }
    return {**({} if isinstance(schema, bool) else schema), "x-guidance": options}


def num_intersected(schema: Schema) -> int:
    """How many regular expressions a text may have to match together at most, by a rough estimate from above."""
    found = [part for part, _ in parts(schema)]
    combines = any(
        "allOf" in part or (len(part) > 1 and {"$ref", "anyOf", "oneOf"} & part.keys())
        for part in found
    )
    return sum("pattern" in part or "format" in part for part in found) if combines else 0


def _check_references(part: dict[str, Any], schema: Schema, what: str) -> None:
    for name in ("$dynamicRef", "$recursiveRef"):
        if name in part:
            raise SchemaError(f"{what}: got {name}, which is not supported; use $ref")
    if "$ref" not in part:
        return
    reference = part["$ref"]
    if not isinstance(reference, str) or not re.match(r"#(/|$)", reference):
        raise SchemaError(
            f"{what}: got the reference {str(reference)[:100]!r}, wanted one into the schema itself, "
            "as #/$defs/name: nothing is fetched"
        )
    if _resolve(schema, reference) is None:
        raise SchemaError(f"{what}: the reference {reference[:100]!r} leads nowhere")


def _resolve(schema: Schema, reference: str) -> Schema | None:
    at: object = schema
    for name in reference.removeprefix("#").split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and name in at:
            at = at[name]
        elif isinstance(at, list) and re.fullmatch(r"\d{1,9}", name) and int(name) < len(at):
            at = at[int(name)]
        else:
            return None
    return at if isinstance(at, dict | bool) else None


class _Values:
    """Which schemas have a value that ends: the least that is consistent, found from below."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._have_end: set[int] = set()
        waiting = [part for part, _ in parts(schema)]
        users: dict[int, list[dict[str, Any]]] = {}
        for part in waiting:
            for used in self._used(part):
                users.setdefault(id(used), []).append(part)
        while waiting:
            part = waiting.pop()
            if id(part) not in self._have_end and self._judge(part):
                self._have_end.add(id(part))
                waiting += users.get(id(part), [])

    def have_end(self, schema: object) -> bool:
        """Of one inside the whole."""
        return id(schema) in self._have_end if isinstance(schema, dict) else schema is not False

    def _judge(self, part: dict[str, Any]) -> bool:
        needed, alternatives = self._needed(part), self._alternatives(part)
        return all(self.have_end(each) for each in needed) and all(
            any(self.have_end(each) for each in several) for several in alternatives
        )

    def _used(self, part: dict[str, Any]) -> list[object]:
        return [
            *self._needed(part),
            *(each for several in self._alternatives(part) for each in several),
        ]

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
            needed += [named[name] for name in map(str, _list(part, "required")) if name in named]
        elif kind in ("array", ["array"]):
            least = part.get("minItems")
            least = int(least) if isinstance(least, int | float) else 0
            first = _list(part, "prefixItems")
            needed += first[: max(0, least)]
            needed += [part["items"]] if least > len(first) and "items" in part else []
        return needed


def _list(part: dict[str, Any], name: str) -> list[Any]:
    value = part.get(name)
    return value if isinstance(value, list) else []


def as_text(grammars: Mapping[str, Mapping[str, object]]) -> str:
    """Named grammars as llguidance reads them."""
    return json.dumps({"grammars": [{"name": name, **each} for name, each in grammars.items()]})
