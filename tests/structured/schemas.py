"""Sixty JSON Schemas, each with values that match it, in the order of its properties, and values that do not."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """A schema with examples."""

    name: str
    schema: dict[str, Any]
    good: list[Any]
    bad: list[Any]


def _object(
    properties: dict[str, Any], required: list[str] | None = None, **more: Any
) -> dict[str, Any]:
    names = list(properties) if required is None else required
    return {
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
        **more,
    }


_TEXT: dict[str, Any] = {"type": "string", "maxLength": 20}
_WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 1000}

CASES = [
    Case("string", {"type": "string"}, ["", "a", 'ä\n"\\', "😀"], [1, None, ["a"]]),
    Case(
        "length", {"type": "string", "minLength": 2, "maxLength": 4}, ["ab", "äöüß"], ["a", "abcde"]
    ),
    Case(
        "pattern",
        {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"},
        ["AB123"],
        ["AB12", "xAB123", "ab123"],
    ),
    Case("pattern unanchored", {"type": "string", "pattern": "[0-9]+"}, ["a1b", "7"], ["ab", ""]),
    Case(
        "pattern with a slash",
        {"type": "string", "pattern": "^[a-z]+/[a-z]+$"},
        ["a/b"],
        ["ab", "a//b"],
    ),
    Case(
        "date", {"type": "string", "format": "date"}, ["2026-11-25"], ["2026-13-01", "25.11.2026"]
    ),
    Case("time", {"type": "string", "format": "time"}, ["12:30:00Z"], ["25:00:00Z", "noon"]),
    Case(
        "date-time",
        {"type": "string", "format": "date-time"},
        ["2026-11-25T12:30:00Z"],
        ["2026-11-25 12:30"],
    ),
    Case(
        "uuid",
        {"type": "string", "format": "uuid"},
        ["123e4567-e89b-12d3-a456-426614174000"],
        ["123e4567"],
    ),
    Case("email", {"type": "string", "format": "email"}, ["a.b@example.org"], ["a.b", "@x"]),
    Case("ipv4", {"type": "string", "format": "ipv4"}, ["192.168.0.1"], ["256.1.1.1", "1.2.3"]),
    Case(
        "ipv6",
        {"type": "string", "format": "ipv6"},
        ["::1", "2001:db8::8a2e:370:7334"],
        ["1.2.3.4", ":::"],
    ),
    Case("hostname", {"type": "string", "format": "hostname"}, ["a.example"], ["-a", "a..b"]),
    Case(
        "uri", {"type": "string", "format": "uri"}, ["https://example.org/a?b=c#d"], ["not a uri"]
    ),
    Case("integer", {"type": "integer"}, [0, -1, 10**12], [1.5, "1", None]),
    Case("range", {"type": "integer", "minimum": -5, "maximum": 17}, [-5, 0, 17], [-6, 18]),
    Case(
        "exclusive range",
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
        [1, 9],
        [0, 10],
    ),
    Case("minimum only", {"type": "integer", "minimum": 100}, [100, 12345], [99, -100]),
    Case("number", {"type": "number"}, [0, 1.5, -2.25], ["1", True]),
    Case("number range", {"type": "number", "minimum": 0, "maximum": 1}, [0, 0.25, 1], [-0.1, 1.5]),
    Case("multiple", {"type": "integer", "multipleOf": 5}, [0, 5, 35], [1, 7]),
    Case("boolean", {"type": "boolean"}, [True, False], [0, "true", None]),
    Case("null", {"type": "null"}, [None], [0, ""]),
    Case("enum", {"enum": ["red", "green", "dark green"]}, ["red", "dark green"], ["blue", ""]),
    Case("enum of kinds", {"enum": [1, "1", None, True]}, [1, "1", None, True], [2, False]),
    Case("const", {"const": {"a": [1, 2]}}, [{"a": [1, 2]}], [{"a": [1]}, {}]),
    Case("several types", {"type": ["string", "null"]}, ["a", None], [1, []]),
    Case("array", {"type": "array", "items": _WHOLE}, [[], [1], [1, 2, 3]], [["a"], 1, [1001]]),
    Case(
        "array bounds",
        {"type": "array", "items": _WHOLE, "minItems": 1, "maxItems": 3},
        [[1], [1, 2, 3]],
        [[], [1, 2, 3, 4]],
    ),
    Case(
        "tuple",
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "items": False,
            "minItems": 2,
        },
        [["a", 1]],
        [["a"], [1, "a"], ["a", 1, 2]],
    ),
    Case(
        "nested arrays",
        {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
        [[[True], []]],
        [[True]],
    ),
    Case(
        "object",
        _object({"name": _TEXT, "age": _WHOLE}),
        [{"name": "Ada", "age": 36}],
        [{"name": "Ada"}, {"age": 36, "name": 1}],
    ),
    Case(
        "optional",
        _object({"a": _WHOLE, "b": _TEXT}, ["a"]),
        [{"a": 1}, {"a": 1, "b": "x"}],
        [{}, {"b": "x"}],
    ),
    Case(
        "only optional",
        _object({"a": _WHOLE, "b": _TEXT}, []),
        [{}, {"b": "x"}, {"a": 1, "b": ""}],
        [{"c": 1}],
    ),
    Case("empty object", _object({}), [{}], [{"a": 1}]),
    Case("any object", {"type": "object"}, [{}, {"a": {"b": [1]}}], [[], 1]),
    Case(
        "open object",
        {"type": "object", "properties": {"a": _WHOLE}, "required": ["a"]},
        [{"a": 1}, {"a": 1, "b": "x"}],
        [{}, {"a": "x"}],
    ),
    Case(
        "values of one type",
        {"type": "object", "additionalProperties": {"type": "integer"}},
        [{}, {"x": 1, "y": 2}],
        [{"x": "a"}],
    ),
    Case(
        "pattern properties",
        {
            "type": "object",
            "patternProperties": {"^n_": {"type": "integer"}},
            "additionalProperties": False,
        },
        [{}, {"n_a": 1}],
        [{"x": 1}, {"n_a": "x"}],
    ),
    Case(
        "odd names",
        _object({"a b": _WHOLE, "ü\n": _WHOLE, '"': _WHOLE}),
        [{"a b": 1, "ü\n": 2, '"': 3}],
        [{"a b": 1}],
    ),
    Case(
        "any of",
        {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}]},
        [1, "abc"],
        ["abcd", None],
    ),
    Case(
        "any of objects",
        {
            "anyOf": [
                _object({"kind": {"const": "circle"}, "radius": _WHOLE}),
                _object({"kind": {"const": "square"}, "side": _WHOLE}),
            ]
        },
        [{"kind": "circle", "radius": 1}, {"kind": "square", "side": 2}],
        [{"kind": "circle", "side": 2}, {"kind": "line"}],
    ),
    Case("all of", {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 9}]}, [3, 9], [2, 10]),
    Case(
        "all of objects",
        {
            "allOf": [
                {"type": "object", "properties": {"a": _WHOLE}, "required": ["a"]},
                {"type": "object", "properties": {"b": _TEXT}, "required": ["b"]},
            ]
        },
        [{"a": 1, "b": "x"}],
        [{"a": 1}, {"b": "x"}],
    ),
    Case(
        "one of disjoint",
        {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        [1, "a"],
        [None, 1.5],
    ),
    Case(
        "definitions",
        {"$ref": "#/$defs/point", "$defs": {"point": _object({"x": _WHOLE, "y": _WHOLE})}},
        [{"x": 1, "y": 2}],
        [{"x": 1}],
    ),
    Case("old definitions", {"$ref": "#/definitions/n", "definitions": {"n": _WHOLE}}, [1], ["a"]),
    Case(
        "a reference with an escape",
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": _WHOLE}},
        [1],
        ["a"],
    ),
    Case(
        "list that ends",
        _object({"value": _WHOLE, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}),
        [{"value": 1, "next": {"value": 2, "next": None}}],
        [{"value": 1}, {"value": 1, "next": 2}],
    ),
    Case(
        "tree",
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": _object(
                    {
                        "name": _TEXT,
                        "children": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/node"},
                            "maxItems": 3,
                        },
                    }
                )
            },
        },
        [{"name": "a", "children": [{"name": "b", "children": []}]}],
        [{"name": "a"}, {"name": "a", "children": [1]}],
    ),
    Case(
        "expression",
        {
            "$ref": "#/$defs/e",
            "$defs": {
                "e": {"anyOf": [_WHOLE, {"$ref": "#/$defs/sum"}]},
                "sum": _object(
                    {
                        "op": {"enum": ["+", "-"]},
                        "left": {"$ref": "#/$defs/e"},
                        "right": {"$ref": "#/$defs/e"},
                    }
                ),
            },
        },
        [1, {"op": "+", "left": 1, "right": {"op": "-", "left": 2, "right": 3}}],
        [{"op": "*", "left": 1, "right": 2}],
    ),
    Case(
        "min properties",
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
        [{"a": 1}],
        [{}],
    ),
    Case(
        "weather call",
        _object({"location": _TEXT, "unit": {"enum": ["celsius", "fahrenheit"]}}, ["location"]),
        [{"location": "Oslo"}, {"location": "Oslo", "unit": "celsius"}],
        [{"unit": "celsius"}, {"location": "Oslo", "unit": "kelvin"}],
    ),
    Case(
        "search call",
        _object(
            {
                "query": _TEXT,
                "limit": {"type": "integer", "minimum": 1, "maximum": 50},
                "tags": {"type": "array", "items": _TEXT, "maxItems": 4},
            },
            ["query"],
        ),
        [{"query": "a", "limit": 50, "tags": ["x"]}],
        [{"query": "a", "limit": 51}],
    ),
    Case(
        "calendar event",
        _object(
            {
                "title": _TEXT,
                "start": {"type": "string", "format": "date-time"},
                "attendees": {
                    "type": "array",
                    "items": {"type": "string", "format": "email"},
                    "maxItems": 2,
                },
            }
        ),
        [{"title": "a", "start": "2026-11-25T09:00:00Z", "attendees": ["a@example.org"]}],
        [{"title": "a", "start": "tomorrow", "attendees": []}],
    ),
    Case(
        "invoice",
        _object(
            {
                "number": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{3}$"},
                "lines": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 3,
                    "items": _object(
                        {
                            "text": _TEXT,
                            "count": _WHOLE,
                            "price": {"type": "number", "minimum": 0, "maximum": 9999},
                        }
                    ),
                },
                "paid": {"type": "boolean"},
            }
        ),
        [{"number": "2026-001", "lines": [{"text": "a", "count": 1, "price": 9.5}], "paid": False}],
        [{"number": "2026-001", "lines": [], "paid": False}],
    ),
    Case(
        "steps",
        _object(
            {
                "steps": {
                    "type": "array",
                    "items": _object({"explanation": _TEXT, "output": _TEXT}),
                    "maxItems": 3,
                },
                "answer": _TEXT,
            }
        ),
        [{"steps": [{"explanation": "a", "output": "b"}], "answer": "c"}],
        [{"steps": [{"explanation": "a"}], "answer": "c"}],
    ),
    Case(
        "nullable fields",
        _object(
            {
                "a": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
                "b": {"anyOf": [_TEXT, {"type": "null"}]},
            }
        ),
        [{"a": None, "b": None}, {"a": 9, "b": "x"}],
        [{"a": 10, "b": None}],
    ),
    Case(
        "annotations",
        {
            "title": "T",
            "description": "d",
            "type": "integer",
            "default": 1,
            "examples": [2],
            "maximum": 5,
            "minimum": 0,
        },
        [3],
        [6],
    ),
    Case(
        "deep",
        _object(
            {
                "a": _object(
                    {"b": _object({"c": _object({"d": _object({"e": {"type": "boolean"}})})})}
                )
            }
        ),
        [{"a": {"b": {"c": {"d": {"e": True}}}}}],
        [{"a": {"b": {"c": {"d": {}}}}}],
    ),
    Case("any value", {}, [1, "a", None, [1, {"a": 2}]], []),
    Case(
        "large enum",
        {"enum": [f"value {n}" for n in range(500)]},
        ["value 0", "value 499"],
        ["value 500"],
    ),
]
