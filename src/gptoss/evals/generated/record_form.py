"""Records of made-up forms: a JSON Schema, a value of it, and sentences that tell the value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import CITIES, COLOURS, FRUITS, NAMES, THINGS

Schema = dict[str, Any]
Value = Any


@dataclass(frozen=True, slots=True)
class Field:
    """A property: its schema, its value, and how a sentence tells it; `told` begins behind "its NAME"."""

    schema: Schema
    value: Value
    told: str


def draw_record(draws: Draws, depth: int) -> tuple[Schema, dict[str, Value], str]:
    """A schema of so many levels of objects, a value that matches it, and the text that tells it."""
    names = draws.some_of(_PROPERTIES, 4 + depth)
    shared: Schema = {}
    schema, value, told = _object(names, draws, depth, shared)
    if shared:
        schema["$defs"] = shared
    subject = draws.one_of(THINGS)
    return schema, value, f"The record is about a {subject}. {told}"


def _object(
    names: list[str], draws: Draws, depth: int, shared: Schema
) -> tuple[Schema, dict[str, Value], str]:
    fields = {name: draws.one_of(_KINDS)(draws) for name in names}
    sentences = [f"Its {name.replace('_', ' ')} {field.told}." for name, field in fields.items()]
    properties = {name: field.schema for name, field in fields.items()}
    value = {name: field.value for name, field in fields.items()}
    if depth > 1:
        # By its level, so that no two have one name among the shared schemas.
        inner = _INNER[depth % len(_INNER)]
        inner_names = draws.some_of(_INNER_PROPERTIES, 3)
        schema, inner_value, told = _object(inner_names, draws, depth - 1, shared)
        properties[inner], value[inner] = schema, inner_value
        sentences.append(f"It has a record named {inner} inside. {told}")
        if draws.is_one_in(2):
            _share(properties, inner, shared)
    # Every property must be there, so that a value is right in one way alone.
    made = {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip
    return made, value, " ".join(sentences)


def _share(properties: Schema, name: str, shared: Schema) -> None:
    """Put a property's schema where a reference finds it."""
    shared[name] = properties[name]
    properties[name] = {"$ref": f"#/$defs/{name}"}


def matches(value: Value, schema: Schema, root: Schema | None = None) -> bool:
    """Whether a value matches a schema of these: only the keywords that are drawn here are known."""
    root = schema if root is None else root
    if "$ref" in schema:
        target: Schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return matches(value, target, root)
    if "enum" in schema:
        return value in schema["enum"] and not isinstance(value, bool)
    return _CHECKS[schema["type"]](value, schema, root)


def _is_object(value: Value, schema: Schema, root: Schema) -> bool:
    properties = schema["properties"]
    return (
        isinstance(value, dict)
        and value.keys() == set(properties)
        and all(matches(value[name], part, root) for name, part in properties.items())
    )


def _is_array(value: Value, schema: Schema, root: Schema) -> bool:
    return (
        isinstance(value, list)
        and schema["minItems"] <= len(value) <= schema["maxItems"]
        and all(matches(each, schema["items"], root) for each in value)
    )


def _is_string(value: Value, schema: Schema, _: Schema) -> bool:
    pattern = schema.get("pattern")
    return isinstance(value, str) and (pattern is None or re.search(pattern, value) is not None)


def _is_number(value: Value, schema: Schema, _: Schema) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and schema["minimum"] <= value <= schema["maximum"]


def _is_integer(value: Value, schema: Schema, root: Schema) -> bool:
    return _is_number(value, schema, root) and value == int(value)


_CHECKS: dict[str, Callable[[Value, Schema, Schema], bool]] = {
    "object": _is_object,
    "array": _is_array,
    "string": _is_string,
    "number": _is_number,
    "integer": _is_integer,
    "boolean": lambda value, schema, root: isinstance(value, bool),
}


def _text(draws: Draws) -> Field:
    value = f"{draws.one_of(NAMES)} {draws.one_of(CITIES)}"
    return Field({"type": "string"}, value, f"is {value}")


def _code(draws: Draws) -> Field:
    letters = "".join(draws.one_of("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(3))
    value = f"{letters}-{draws.digits(4)}"
    return Field({"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}, value, f"is {value}")


def _date(draws: Draws) -> Field:
    year, month, day = draws.between(1950, 2049), draws.between(1, 12), draws.between(1, 28)
    schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
    return Field(schema, f"{year}-{month:02}-{day:02}", f"is {day} {_MONTHS[month - 1]} {year}")


def _whole(draws: Draws) -> Field:
    value, spare = draws.digits(draws.between(2, 5)), draws.digits(3)
    schema = {"type": "integer", "minimum": max(0, value - spare), "maximum": value + spare}
    return Field(schema, value, f"is {value}")


def _amount(draws: Draws) -> Field:
    value = draws.digits(4) / 4
    schema = {"type": "number", "minimum": 0, "maximum": 10_000}
    return Field(schema, value, f"is {value}")


def _choice(draws: Draws) -> Field:
    choices = draws.some_of(COLOURS, 4)
    value = draws.one_of(choices)
    return Field({"type": "string", "enum": choices}, value, f"is {value}")


def _truth(draws: Draws) -> Field:
    value = draws.is_one_in(2)
    return Field({"type": "boolean"}, value, "is true" if value else "is false")


def _several(draws: Draws) -> Field:
    values = draws.some_of(FRUITS, draws.between(2, 4))
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 5}
    return Field(schema, values, f"is a list of {', '.join(values)}, in this order")


def _counts(draws: Draws) -> Field:
    values = [draws.digits(2) for _ in range(draws.between(2, 4))]
    items = {"type": "integer", "minimum": 10, "maximum": 99}
    schema = {"type": "array", "items": items, "minItems": 1, "maxItems": 5}
    return Field(schema, values, f"is a list of {', '.join(map(str, values))}, in this order")


_KINDS = (_text, _code, _date, _whole, _amount, _choice, _truth, _several, _counts)
_PROPERTIES = (
    "batch", "category", "content", "depth", "finish", "grade", "handle", "label", "lining", "mark", "model", "origin",
    "place", "price", "rating", "series", "shade", "shelf", "state", "stock", "title", "weight",
)  # fmt: skip
_INNER = ("owner", "maker", "holder", "keeper")
_INNER_PROPERTIES = (
    "address",
    "badge",
    "contact",
    "desk",
    "home",
    "office",
    "rank",
    "role",
    "team",
    "unit",
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
