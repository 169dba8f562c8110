"""How large a schema may be, checked before anything is compiled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gptoss.errors import SchemaError
from gptoss.schemas import Schema, parts

MAX_BYTES = 256 << 10
MAX_DEPTH = 40
MAX_ENUM_VALUES = 5000
MAX_PROPERTIES = 1000
MAX_PATTERN_PROPERTIES = 100
# Of items, properties and characters that must be there; as many more may be there as one likes.
MAX_LEAST = 10_000

_LEAST = ("minItems", "minProperties", "minLength", "minContains")


def within_limits(schema: Schema, what: str) -> Schema:
    """A copy of the schema as plain JSON. Raises SchemaError, naming `what`, for one that is no JSON or too large."""
    text = _text_of(schema, what)
    if len(text) > MAX_BYTES:
        raise SchemaError(f"{what}: got {len(text):,} bytes, wanted at most {MAX_BYTES:,}")
    copy: Schema = json.loads(text)
    try:
        require_counts(copy)
    except SchemaError as error:
        raise SchemaError(f"{what}: {error}") from None
    return copy


def require_counts(schema: Schema) -> None:
    """Raises SchemaError for a schema with too many levels, values, properties or patterns, or a least too great."""
    num_values = num_properties = num_patterns = 0
    for part, depth in parts(schema):
        if depth > MAX_DEPTH:
            raise SchemaError(f"got more than {MAX_DEPTH} levels of nesting, wanted fewer")
        num_values += _count(part, "enum")
        num_properties += _count(part, "properties")
        num_patterns += _count(part, "patternProperties")
        for name in _LEAST:
            least = part.get(name)
            if isinstance(least, int | float) and least > MAX_LEAST:
                raise SchemaError(f"got {name} {least:,}, wanted at most {MAX_LEAST:,}")
    if num_values > MAX_ENUM_VALUES:
        raise SchemaError(f"got {num_values:,} enum values, wanted at most {MAX_ENUM_VALUES:,}")
    if num_properties > MAX_PROPERTIES:
        raise SchemaError(f"got {num_properties:,} properties, wanted at most {MAX_PROPERTIES:,}")
    if num_patterns > MAX_PATTERN_PROPERTIES:
        raise SchemaError(
            f"got {num_patterns:,} patternProperties, wanted at most {MAX_PATTERN_PROPERTIES:,}"
        )


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
