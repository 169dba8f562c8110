"""Schemas in one form: older drafts and OpenAPI, null, references, and what is left out by path."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from gptoss.errors import SchemaError
from gptoss.schemas import read, read_object

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ({"minimum": 0, "exclusiveMinimum": True}, {"exclusiveMinimum": 0}),
        ({"maximum": 9, "exclusiveMaximum": False}, {"maximum": 9}),
        ({"exclusiveMinimum": True}, {}),
        ({"items": [TEXT, WHOLE]}, {"prefixItems": [TEXT, WHOLE]}),
        (
            {"items": [TEXT], "additionalItems": False},
            {"prefixItems": [TEXT], "items": False},
        ),
        ({"items": [], "additionalItems": TEXT}, {"items": TEXT}),
        ({"items": TEXT, "additionalItems": False}, {"items": TEXT}),
        ({"type": "any"}, {}),
        ({"type": ["string", "any"]}, {}),
        ({"type": ["string", "string"]}, {"type": "string"}),
        (
            {"properties": {"a": {"type": "string", "required": True}, "b": {"required": False}}},
            {"properties": {"a": TEXT, "b": {}}, "required": ["a"]},
        ),
        ({"required": None, "enum": None, "items": None, "pattern": None}, {}),
        ({"const": None}, {"const": None}),
        ({"default": None, "description": "d"}, {"default": None, "description": "d"}),
        ({"type": "string", "nullable": True}, {"type": "string", "nullable": True}),
        ({"type": "string", "nullable": False}, TEXT),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        (
            {"type": "string", "enum": ["a", None], "nullable": True},
            {"type": "string", "enum": ["a", None], "nullable": True},
        ),
        ({"example": "x"}, {"examples": ["x"]}),
        (
            {
                "discriminator": {"propertyName": "kind"},
                "xml": {"name": "a"},
                "externalDocs": {"url": "u"},
                "readOnly": True,
                "x-order": 3,
                "enumNames": ["a"],
                "$id": "https://example.org/a",
                "id": "a",
            },
            {},
        ),
        (
            {
                "uniqueItems": False,
                "propertyNames": {"type": "string"},
                "unevaluatedProperties": True,
                "then": TEXT,
                "minContains": 2,
                "dependentRequired": {},
                "not": False,
            },
            {},
        ),
        ({"$ref": "#"}, {"$ref": "#"}),
        (True, True),
        (False, False),
    ],
)
def test_forms(written: Any, form: Any) -> None:
    reading = read(written)
    assert reading.schema == form
    assert reading.faults == []


@pytest.mark.parametrize(
    ("written", "form", "faults"),
    [
        ({"uniqueItems": True, **TEXT}, TEXT, {"/uniqueItems": "got uniqueItems, which cannot be"}),
        ({"minLenght": 3, **TEXT}, TEXT, {"/minLenght": "got minLenght, which cannot be enforced"}),
        ({"type": None}, {}, {"/type": "got None as type, wanted one or more of"}),
        ({"type": "text"}, {}, {"/type": "got text as type"}),
        ({"enum": []}, {}, {"/enum": r"got \[\] as enum, wanted a list of values"}),
        ({"required": ["a", 3]}, {"required": ["a"]}, {"/required/1": "got 3, wanted a name"}),
        ({"required": True}, {}, {"/required": "got True as required, wanted a list of names"}),
        ({"items": "string"}, {}, {"/items": "got string as items, wanted a schema"}),
        (
            {"properties": {"a/b": "string", "c": TEXT}},
            {"properties": {"a/b": True, "c": TEXT}},
            {"/properties/a~1b": "got string, wanted a schema"},
        ),
        (
            {"items": [{"minLength": -1}]},
            {"prefixItems": [{}]},
            {"/items/0/minLength": "got -1 as minLength, wanted a whole number"},
        ),
        (
            {"patternProperties": 3, "additionalProperties": False},
            {},
            {
                "/patternProperties": "got 3",
                "/additionalProperties": "nothing is left of patternProperties",
            },
        ),
        (
            {"type": "integer", "enum": ["1", "2"]},
            {"enum": ["1", "2"]},
            {"/type": "got the type integer, of which no value of enum is"},
        ),
        (
            {"$ref": "https://example.org/a"},
            {},
            {"/$ref": "wanted one into the schema itself, as #/.defs/name: nothing is fetched"},
        ),
        ({"$ref": "#/$defs/none"}, {}, {"/$ref": "the reference '#/.defs/none' leads nowhere"}),
    ],
)
def test_what_is_left_out(written: Any, form: Any, faults: dict[str, str]) -> None:
    reading = read(written)
    assert reading.schema == form
    assert [fault.path for fault in reading.faults] == [*faults]
    for fault in reading.faults:
        with pytest.raises(SchemaError, match=faults[fault.path]):
            raise SchemaError(fault.reason)


def test_references_lead_into_definitions() -> None:
    """From wherever they stand, under the name that they end in; nobody reads what nobody refers to."""
    written = {
        "properties": {
            "a": {"$ref": "#/components/schemas/Pet"},
            "b": {"$ref": "#/definitions/Pet"},
            "c": {"$ref": "#/properties/d/items"},
            "d": {"type": "array", "items": {"const": 3}},
            "e": {"$ref": "#/$defs/a~1b%20c"},
        },
        "components": {"schemas": {"Pet": {"type": "object"}, "Other": {"minLenght": 1}}},
        "definitions": {"Pet": TEXT, "unused": {"uniqueItems": True}},
        "$defs": {"a/b c": WHOLE},
    }
    reading = read(written)
    assert reading.faults == []
    assert isinstance(reading.schema, dict)
    named = reading.schema["properties"]
    assert [named[name]["$ref"] for name in "abce"] == [
        "#/$defs/Pet",
        "#/$defs/Pet_2",
        "#/$defs/items",
        "#/$defs/a_b_c",
    ]
    assert reading.schema["$defs"] == {
        "Pet": {"type": "object"},
        "Pet_2": TEXT,
        "items": {"const": 3},
        "a_b_c": WHOLE,
    }


def test_frozen_schemas_are_copied() -> None:
    written = MappingProxyType({"anyOf": (MappingProxyType({"enum": (1, 2)}),)})
    assert read(written).schema == {"anyOf": [{"enum": [1, 2]}]}


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ({}, {"type": "object"}),
        (True, {"type": "object"}),
        ({"properties": {"a": TEXT}}, {"properties": {"a": TEXT}, "type": "object"}),
        ({"type": ["object", "null"], "minProperties": 1}, {"type": "object", "minProperties": 1}),
        ({"type": "object", "nullable": True}, {"type": "object"}),
        (
            {"anyOf": [{"minProperties": 1}, {"type": "null"}, False]},
            {"anyOf": [{"minProperties": 1}], "type": "object"},
        ),
        (
            {"properties": {"next": {"$ref": "#"}}},
            {
                "$ref": "#/$defs/Parameters",
                "$defs": {"Parameters": {"properties": {"next": {"$ref": "#/$defs/Parameters"}}}},
                "type": "object",
            },
        ),
        (
            {"type": "object", "properties": {"next": {"$ref": "#"}}},
            {"type": "object", "properties": {"next": {"$ref": "#"}}},
        ),
    ],
)
def test_arguments_are_an_object(written: Any, form: Any) -> None:
    reading = read_object(written)
    assert reading.schema == form
    assert reading.faults == []


def test_arguments_of_another_type_are_an_object_all_the_same() -> None:
    reading = read_object({"type": "array", "items": TEXT})
    assert reading.schema == {"type": "object", "items": TEXT}
    assert [fault.path for fault in reading.faults] == ["/type"]


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(101):
        schema = {"items": schema}
    with pytest.raises(SchemaError, match="more than 100 levels"):
        read(schema)
