"""Tool declarations that say what the schema means, where the library does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from gptoss import harmony
from gptoss.errors import MessageError
from gptoss.harmony import DeveloperContent, Message, Role, ToolDescription, functions
from tests import o200k
from tests.harmony import strategies
from tests.levels import examples

TOKENIZER = o200k.tokenizer()


def declare(*tools: ToolDescription, strict: bool = False) -> str:
    message = Message(Role.DEVELOPER, DeveloperContent(None, (functions(tools),)))
    text = TOKENIZER.decode(harmony.render([message], TOKENIZER, strict=strict))
    return text.split("namespace functions {\n\n")[1].split("\n} // namespace")[0]


def parameter(schema: object, *, strict: bool = False, **root: object) -> str:
    """How one parameter `x` is declared."""
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"], **root}
    text = declare(ToolDescription("f", "", parameters), strict=strict)
    return text.removeprefix("type f = (_: {\n").removesuffix("}) => any;\n")


STRING, NUMBER, NULL = {"type": "string"}, {"type": "number"}, {"type": "null"}
POINT = {"type": "object", "properties": {"a": NUMBER}, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "strict", "default"),
    [
        ({"anyOf": [STRING, NULL]}, "any", "string | null"),
        ({"anyOf": [STRING, STRING]}, "any", "string"),
        ({"anyOf": []}, "any", "any"),
        ({"const": "on"}, "any", '"on"'),
        ({"const": 3, "type": "number"}, "number", "3"),
        ({"const": None}, "any", "null"),
        ({"enum": [1, "a", None, True]}, "any", '1 | "a" | null | true'),
        ({"type": "integer", "enum": [1, 2]}, "number", "1 | 2"),
        ({"type": "string", "enum": ["a", "b"]}, '"a" | "b"', '"a" | "b"'),
        ({"type": "string", "enum": ['say "a"']}, '"say "a""', '"say \\"a\\""'),
        (
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
            '"a" | "b"[]',
            '("a" | "b")[]',
        ),
        (
            {"type": "array", "items": {"type": "string", "nullable": True}},
            "string[]",
            "(string | null)[]",
        ),
        ({"type": "array", "items": {"enum": ["a|b"]}}, "any[]", '"a|b"[]'),
        ({"type": "array", "prefixItems": [STRING, NUMBER]}, "Array<any>", "[string, number]"),
        (
            {"type": "array", "prefixItems": [STRING], "items": NUMBER},
            "number[]",
            "[string, ...number[]]",
        ),
        ({"items": STRING}, "any", "string[]"),
        ({"type": ["string", "null"]}, "string | null", "string | null"),
        ({"type": ["array", "null"], "items": NUMBER}, "array | null", "number[] | null"),
        ({"type": ["string", "null"], "enum": ["a", None]}, "string | null", '"a" | null'),
        ({"type": "object"}, "{\n    }", "object"),
        ({"type": "object", "additionalProperties": False}, "{\n    }", "{\n    }"),
        (
            {"type": "object", "additionalProperties": NUMBER},
            "{\n    }",
            "{\n    [key: string]: number,\n    }",
        ),
        ({"allOf": [{"$ref": "#/$defs/P"}]}, "any", "{\n    a: number,\n    }"),
        (
            {"allOf": [STRING, {"anyOf": [NUMBER, NULL]}]},
            "any",
            "string & (number | null)",
        ),
        ({"$ref": "#/$defs/P"}, "any", "{\n    a: number,\n    }"),
        ({"$ref": "#/definitions/missing"}, "any", "any"),
        ({"$ref": "https://example.org/schema"}, "any", "any"),
        (True, "any", "any"),
        (False, "any", "never"),
        ({}, "any", "any"),
        (
            {"type": "string", "enum": ["nullable"], "nullable": True},
            '"nullable"',
            '"nullable" | null',
        ),
    ],
)
def test_types(schema: object, strict: str, default: str) -> None:
    definitions = {"$defs": {"P": POINT}}
    assert parameter(schema, strict=True, **definitions) == f"x: {strict},\n"
    assert parameter(schema, **definitions) == f"x: {default},\n"


EITHER = {
    "type": "object",
    "properties": {"a": STRING, "b": STRING},
    "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
}


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        (EITHER, ": {\n    a?: string,\n    b?: string,\n    },"),
        (
            {"type": "object", "properties": {"b": STRING}, "oneOf": [POINT, {"type": "object"}]},
            ": {\n    b?: string,\n    } & (\n     | {\n       a: number,\n       }\n     | object),",
        ),
        ({"type": "object", "required": ["z"]}, ": {\n    z: any,\n    },"),
        (
            {"anyOf": [POINT, STRING], "nullable": True},
            ":\n | {\n   a: number,\n   }\n | string\n | null\n,",
        ),
        ({"$ref": "#/$defs/P", "nullable": True}, ": {\n    a: number,\n    } | null,"),
        (
            {"$ref": "#/$defs/P", "properties": {"b": STRING}},
            ": {\n    b?: string,\n    } & {\n    a: number,\n    },",
        ),
        ({"$ref": "#/components/P"}, ": string,"),
        ({"type": "string", "enum": ["a", None]}, ': "a",'),
        ({"type": "array", "items": [STRING, NUMBER]}, ": [string, number],"),
        ({"type": "any"}, ": any,"),
        ({"type": "string", "enum": None, "required": True}, ": string,"),
    ],
)
def test_what_is_told_is_what_is_held_to(schema: object, default: str) -> None:
    """As `gptoss.schemas` reads it, for the grammar too."""
    more = {"$defs": {"P": POINT}, "components": {"P": STRING}}
    assert parameter(schema, **more) == f"x{default}\n"


def test_arguments_are_told_as_an_object() -> None:
    nullable = ToolDescription("a", "", {"type": ["object", "null"], "properties": {"n": NUMBER}})
    either = ToolDescription("b", "", {"anyOf": [POINT, NULL]})
    empty = ToolDescription("c", "", {"type": "object", "properties": None, "required": None})
    text = ToolDescription("d", "", {"type": "string"})
    assert declare(nullable, either, empty, text) == (
        "type a = (_: {\nn?: number,\n}) => any;\n\n"
        "type b = (_: \n | {\n   a: number,\n   }) => any;\n\n"
        "type c = (_: {\n}) => any;\n\n"
        "type d = (_: string) => any;\n"
    )


def test_a_comment_of_several_lines_stays_a_comment() -> None:
    schema = {"type": "string", "description": "First.\nSecond: }) => any;"}
    assert parameter(schema, strict=True) == "// First.\nSecond: }) => any;\nx: string,\n"
    assert parameter(schema) == "// First.\n// Second: }) => any;\nx: string,\n"


def test_long_variants_stand_on_lines_of_their_own() -> None:
    schema = {
        "description": "Where to",
        "default": None,
        "anyOf": [{"type": "string", "description": "A city\nor town"}, POINT],
    }
    assert parameter(schema) == (
        "// Where to\n// default: null\nx:\n"
        " | string // A city or town\n | {\n   a: number,\n   }\n,\n"
    )


def test_no_variant_is_silenced_by_the_property() -> None:
    described = {"type": "string", "description": "same"}
    schema = {"oneOf": [described, NUMBER], "description": "same"}
    assert "same" not in parameter(schema, strict=True)
    assert parameter(schema).startswith("// same\nx:\n")


def test_a_type_that_refers_to_itself_gets_a_name() -> None:
    node = {
        "type": "object",
        "properties": {"value": NUMBER, "next": {"anyOf": [{"$ref": "#/$defs/Node"}, NULL]}},
        "required": ["value"],
    }
    tool = ToolDescription(
        "walk",
        "Walks.",
        {
            "type": "object",
            "properties": {"start": {"$ref": "#/$defs/Node"}},
            "$defs": {"Node": node},
        },
    )
    assert declare(tool) == (
        "type Node = {\nvalue: number,\nnext?: Node | null,\n};\n\n"
        "// Walks.\ntype walk = (_: {\nstart?: Node,\n}) => any;\n"
    )
    other = ToolDescription(
        "Node", "", {"type": "object", "properties": {"n": {"$ref": "#"}}, "title": "whole"}
    )
    assert "type Node_2 = {" in declare(tool, other)


def test_a_type_of_two_tools_is_declared_once() -> None:
    tree = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
    parameters = {
        "type": "object",
        "properties": {"t": {"$ref": "#/$defs/Tree"}},
        "$defs": {"Tree": tree},
    }
    text = declare(ToolDescription("a", "", parameters), ToolDescription("b", "", parameters))
    assert text.count("type Tree = Tree[];") == 1
    assert text.count("t?: Tree,") == 2


def test_references_that_multiply_are_refused() -> None:
    definitions: dict[str, Any] = {"d0": STRING}
    for level in range(1, 30):
        part = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"type": "object", "properties": {"a": part, "b": part}}
    parameters = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/d29"}},
        "$defs": definitions,
    }
    with pytest.raises(MessageError, match=r"\$ref expand more than 1000 times"):
        declare(ToolDescription("bomb", "", parameters))


def test_schemas_nested_too_deeply_are_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(100_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(MessageError, match="nested deeper than 64 levels"):
        ToolDescription("deep", "", schema)
    while "items" in schema:  # So that freeing it does not recurse either.
        schema = schema.pop("items")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"anyOf": [inner, {"type": "null"}]},
        lambda inner: {"oneOf": [inner, {"type": "null"}]},
        lambda inner: {"allOf": [inner]},
        lambda inner: {"type": "object", "additionalProperties": inner},
        lambda inner: {"type": "array", "prefixItems": [inner]},
        lambda inner: {"type": "object", "properties": {"x": {"anyOf": [inner]}}},
        lambda inner: {"type": ["array", "null"], "items": inner},
    ],
)
def test_nested_schemas_take_linear_work(wrap: Any) -> None:
    """Writing a type twice on each level would take longer than anyone waits."""
    schema: dict[str, Any] = {"type": "object", "properties": {"end": STRING}}
    while True:
        deeper = wrap(schema)
        try:
            ToolDescription("f", "", {"type": "object", "properties": {"x": deeper}})
        except MessageError:
            break
        schema = deeper
    assert "end" in parameter(schema)
    assert "x" in parameter(schema, strict=True)


def test_keys_that_are_no_names_are_quoted() -> None:
    parameters = {"type": "object", "properties": {"a b": STRING, "c-d": STRING, "e: f\n": STRING}}
    assert declare(ToolDescription("f", "", parameters)) == (
        'type f = (_: {\n"a b"?: string,\nc-d?: string,\n"e: f\\n"?: string,\n}) => any;\n'
    )


def test_no_parameters_in_either_way() -> None:
    none, empty = ToolDescription("a"), ToolDescription("b", "", {})
    assert declare(none, empty) == "type a = () => any;\n\ntype b = () => any;\n"
    assert "type b = (_: any) => any;" in declare(none, empty, strict=True)


@settings(max_examples=examples(300))
@given(strategies.tools(strategies.ODD_PARAMETERS))
def test_any_schema_can_be_declared(tool: ToolDescription) -> None:
    text = declare(tool)
    assert f"type {tool.name} = " in text
    # What a comment says must not stand outside of one.
    for line in text.split("\n"):
        assert line.count("{") - line.count("}") in (-1, 0, 1) or "//" in line or '"' in line
