"""Schemas in the forms of public collections (function calls, events, resources, settings, articles), made anew."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_NAMES = [
    "id",
    "name",
    "title",
    "kind",
    "count",
    "price",
    "total",
    "rate",
    "status",
    "state",
    "owner",
    "user",
    "email",
    "note",
    "body",
    "label",
    "code",
    "size",
    "weight",
    "colour",
    "start",
    "end",
    "since",
    "until",
    "source",
    "target",
    "path",
    "host",
    "port",
    "mode",
    "level",
    "score",
    "flag",
    "active",
    "enabled",
    "items",
    "tags",
    "values",
    "parts",
]


class _Maker:
    """Draws the parts of schemas."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def names(self, count: int) -> list[str]:
        return self.random.sample(_NAMES, count)

    def text(self) -> Schema:
        draw = self.random
        return draw.choice(
            [
                {"type": "string"},
                {"type": "string", "maxLength": draw.randint(1, 40)},
                {"type": "string", "minLength": 1, "maxLength": 12},
                {"type": "string", "enum": self.names(draw.randint(1, 6))},
                {
                    "type": "string",
                    "format": draw.choice(["date", "date-time", "uuid", "ipv4", "email"]),
                },
                {
                    "type": "string",
                    "pattern": draw.choice(
                        ["^[a-z]{1,8}$", "^v[0-9]+\\.[0-9]+$", "^#[0-9a-f]{6}$", "^(on|off)$"]
                    ),
                },
            ]
        )

    def number(self) -> Schema:
        draw = self.random
        low = draw.randint(-100, 100)
        return draw.choice(
            [
                {"type": "integer"},
                {"type": "number"},
                {"type": "integer", "minimum": low, "maximum": low + draw.randint(0, 1000)},
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "integer", "enum": [1, 2, 4, 8]},
                {"type": "integer", "minimum": 0, "multipleOf": 10, "maximum": 500},
            ]
        )

    def scalar(self) -> Schema:
        return self.random.choice([self.text(), self.number(), {"type": "boolean"}])

    def value(self, depth: int) -> Schema:
        draw = self.random
        if depth == 0 or draw.random() < 0.6:
            return self.scalar()
        if draw.random() < 0.5:
            return {"type": "array", "items": self.value(depth - 1), "maxItems": draw.randint(1, 4)}
        return self.object(depth - 1, draw.randint(1, 4))

    def object(self, depth: int, count: int, **more: Any) -> Schema:
        names = self.names(count)
        required = [name for name in names if self.random.random() < 0.6]
        schema: Schema = {
            "type": "object",
            "properties": {name: self.value(depth) for name in names},
            "required": required,
            **more,
        }
        if self.random.random() < 0.7:
            schema["additionalProperties"] = False
        return schema


def function_call(make: _Maker) -> Schema:
    """Flat arguments with descriptions."""
    schema = make.object(0, make.random.randint(1, 6))
    for name, part in schema["properties"].items():
        part["description"] = f"The {name} to use."
    return schema


def event(make: _Maker) -> Schema:
    """Flat records whose fields may be null, with limits on everything."""
    schema = make.object(0, make.random.randint(2, 7), additionalProperties=False)
    for name in make.random.sample(list(schema["properties"]), 2):
        part = schema["properties"][name]
        if "enum" not in part:
            schema["properties"][name] = {**part, "type": [part["type"], "null"]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "description": "An event.",
        **schema,
    }


def resource(make: _Maker) -> Schema:
    """Nested objects by reference, and values that are a number or a text."""
    definitions = {f"part{n}": make.object(1, make.random.randint(1, 3)) for n in range(3)}
    definitions["numberOrText"] = {
        "oneOf": [{"type": "string", "maxLength": 9}, {"type": "integer"}]
    }
    schema = make.object(1, 3)
    for n, name in enumerate(("metadata", "spec", "limit")):
        target = "numberOrText" if name == "limit" else f"part{n}"
        schema["properties"][name] = {"$ref": f"#/definitions/{target}"}
    return {**schema, "definitions": definitions}


def settings(make: _Maker) -> Schema:
    """Names that are not known before, alternatives, and defaults."""
    by_name = {
        "type": "object",
        "patternProperties": {"^[a-z_]{1,10}$": make.value(1)},
        "additionalProperties": False,
    }
    either = {
        "anyOf": [
            {"type": "boolean"},
            make.object(0, 2),
            {"type": "array", "items": make.text(), "maxItems": 3},
        ]
    }
    schema = make.object(1, 2)
    schema["properties"] |= {
        "by_name": by_name,
        "either": either,
        "limit": {"type": "integer", "default": 5},
    }
    return schema


def article(make: _Maker) -> Schema:
    """A list of elements of several kinds, which hold further ones."""
    kinds = {
        f"kind{n}": {
            "type": "object",
            "properties": {"type": {"const": f"kind{n}"}, **make.object(0, 2)["properties"]},
            "required": ["type"],
            "additionalProperties": False,
        }
        for n in range(make.random.randint(2, 4))
    }
    group = {
        "type": "object",
        "properties": {"type": {"const": "group"}, "content": {"$ref": "#/$defs/elements"}},
        "required": ["type", "content"],
        "additionalProperties": False,
    }
    element = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in (*kinds, "group")]}
    elements = {"type": "array", "items": {"$ref": "#/$defs/element"}, "maxItems": 3}
    definitions = {**kinds, "group": group, "element": element, "elements": elements}
    return {
        "type": "object",
        "properties": {"content": {"$ref": "#/$defs/elements"}},
        "required": ["content"],
        "$defs": definitions,
    }


def combined(make: _Maker) -> Schema:
    """What several schemas say together."""
    first, second = make.object(0, 2), make.object(0, 2)
    for part in (first, second):
        part.pop("additionalProperties", None)
    shared = set(first["properties"]) & set(second["properties"])
    second["properties"] = {
        name: part for name, part in second["properties"].items() if name not in shared
    }
    second["required"] = [name for name in second["required"] if name not in shared]
    return {"allOf": [first, second]}


def listing(make: _Maker) -> Schema:
    """A list at the top, with bounds."""
    least = make.random.randint(0, 2)
    return {"type": "array", "items": make.object(1, 2), "minItems": least, "maxItems": least + 2}


FORMS: tuple[Callable[[_Maker], Schema], ...] = (
    function_call,
    event,
    resource,
    settings,
    article,
    combined,
    listing,
)


def made_schema(index: int) -> Schema:
    """The forms by turns, every one different."""
    return FORMS[index % len(FORMS)](_Maker(index))
