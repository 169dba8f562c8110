"""How large a schema may be, checked before anything is compiled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gptoss.errors import SchemaError
from gptoss.structured.rules import Schema

MAX_BYTES = 256 << 10
MAX_DEPTH = 40
MAX_ENUM_VALUES = 5000
MAX_PROPERTIES = 1000
MAX_PATTERN_PROPERTIES = 100
# Of items, properties and characters that must be there; as many more may be there as one likes.
MAX_LEAST = 10_000

_LEAST = ("minItems", "minProperties", "minLength", "minContains")
# Where schemas stand inside a schema: as a value, in a list, or by name.
_INSIDE = (
    "items",
    "additionalItems",
    "contains",
    "additionalProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def within_limits(schema: Schema, what: str) -> Schema:
    """A copy of the schema as plain JSON. Raises SchemaError, naming `what`, for one that is no JSON or too large."""
    text = _text_of(schema, what)
    if len(text) > MAX_BYTES:
        raise SchemaError(f"{what}: got {len(text):,} bytes, wanted at most {MAX_BYTES:,}")
    copy: Schema = json.loads(text)
    num_values = num_properties = num_patterns = 0
    for part, depth in parts(copy):
        if depth > MAX_DEPTH:
            raise SchemaError(f"{what}: got more than {MAX_DEPTH} levels of nesting, wanted fewer")
        num_values += _count(part, "enum")
        num_properties += _count(part, "properties")
        num_patterns += _count(part, "patternProperties")
        for name in _LEAST:
            least = part.get(name)
            if isinstance(least, int | float) and least > MAX_LEAST:
                raise SchemaError(f"{what}: got {name} {least:,}, wanted at most {MAX_LEAST:,}")
    if num_values > MAX_ENUM_VALUES:
        raise SchemaError(
            f"{what}: got {num_values:,} enum values, wanted at most {MAX_ENUM_VALUES:,}"
        )
    if num_properties > MAX_PROPERTIES:
        raise SchemaError(
            f"{what}: got {num_properties:,} properties, wanted at most {MAX_PROPERTIES:,}"
        )
    if num_patterns > MAX_PATTERN_PROPERTIES:
        raise SchemaError(
            f"{what}: got {num_patterns:,} patternProperties, wanted at most {MAX_PATTERN_PROPERTIES:,}"
        )
    return copy


def parts(schema: object) -> Iterator[tuple[dict[str, Any], int]]:
    """Every schema inside a schema, itself first, and how deep it lies."""
    waiting = [(schema, 1)]
    while waiting:
        part, depth = waiting.pop()
        if not isinstance(part, dict):
            continue
        yield part, depth
        inside = [part[name] for name in _INSIDE if name in part]
        for name in _LISTS:
            inside += part[name] if isinstance(part.get(name), list) else []
        for name in _NAMED:
            inside += part[name].values() if isinstance(part.get(name), dict) else []
        waiting += [(each, depth + 1) for each in inside]


def _count(part: dict[str, Any], name: str) -> int:
    value = part.get(name)
    return len(value) if isinstance(value, list | dict) else 0


def _text_of(schema: Schema, what: str) -> str:
    if not isinstance(schema, Mapping | bool):
        raise SchemaError(f"{what}: got {type(schema).__name__}, wanted a JSON Schema: an object")
    try:
        return json.dumps(schema, allow_nan=False, default=_plain)
    except (RecursionError, ValueError):
        raise SchemaError(
            f"{what}: it is nested too deeply, contains itself, or holds a number that JSON cannot say"
        ) from None
    except TypeError as error:
        raise SchemaError(f"{what} is no JSON: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written")
