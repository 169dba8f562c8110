"""One keyword that cannot be enforced frees that keyword alone, by its path; a strict schema is refused by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gptoss.errors import SchemaError
from gptoss.schemas.places import parts
from gptoss.structured import Answer, AnswerKind, ToolChoice, ToolRule, TurnCompiler, TurnRules
from gptoss.tokenizer import Tokenizer
from tests.conftest import ids_of
from tests.structured.test_schemas import can_write, rules_of
from tests.structured.test_turn_grammar import allowed

MODE = {"mode": {"type": "string", "enum": ["a", "b"]}}


def with_mode(more: dict[str, Any], **root: Any) -> dict[str, Any]:
    """A closed object of a mode, and more."""
    return {
        "type": "object",
        "properties": {**more, **MODE},
        "required": ["mode"],
        "additionalProperties": False,
        **root,
    }


def call_rules(parameters: Any, *, is_strict: bool = False) -> TurnRules:
    rule = ToolRule("functions.f", parameters, is_strict=is_strict)
    return TurnRules(tools=(rule,), choice=ToolChoice.REQUIRED, reasons=False)


def can_call(turns: TurnCompiler, tokenizer: Tokenizer, rules: TurnRules, arguments: Any) -> bool:
    header = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
    ids = ids_of(f"{header}{json.dumps(arguments)}<|call|>", tokenizer)
    return allowed(turns, tokenizer, rules, ids)


# What is left out, by path; a value that may be written, and one that may not, whatever `mode` is.
KINDS: list[tuple[str, dict[str, Any], list[str], Any, Any]] = [
    (
        "a pattern with a look-ahead",
        {"to": {"type": "string", "pattern": r"^(?!\.)[a-z.]+@[a-z.]+$"}},
        ["/properties/to/pattern"],
        {"to": ".x"},
        {"to": 1},
    ),
    (
        "draft 4's exclusive bound",
        {"n": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}},
        [],
        {"n": 1},
        {"n": 0},
    ),
    (
        "draft 7's tuple",
        {"r": {"type": "array", "items": [{"type": "integer"}, {"type": "boolean"}]}},
        [],
        {"r": [1, True, "x"]},
        {"r": [1, 2]},
    ),
    ("draft 3's required", {"x": {"type": "string", "required": True}}, [], {"x": "y"}, {"x": 1}),
    ("draft 3's any", {"x": {"type": "any"}}, [], {"x": [1]}, {"y": 1}),
    (
        "no value",
        {"x": {"type": "string", "enum": []}},
        ["/properties/x/enum"],
        {"x": "y"},
        {"x": 1},
    ),
    (
        "values of another type",
        {"x": {"type": "integer", "enum": ["1", "2"]}},
        ["/properties/x/type"],
        {"x": "1"},
        {"x": 1},
    ),
    (
        "alternatives that overlap",
        {"x": {"oneOf": [{"type": "string"}, {"type": "string", "minLength": 2}]}},
        ["/properties/x/oneOf"],
        {"x": "yyy"},
        {"x": 1},
    ),
    (
        "a reference to nothing",
        {"x": {"$ref": "#/$defs/none", "type": "string"}},
        ["/properties/x/$ref"],
        {"x": "y"},
        {"x": 1},
    ),
    (
        "bounds that exclude each other",
        {
            "x": {
                **{"type": "array", "items": {"type": "string"}, "minItems": 5, "maxItems": 3},
                "required": True,
            }
        },
        ["/properties/x/minItems"],
        {"x": ["y"]},
        {"x": [1]},
    ),
    (
        "patterns that must match together",
        {"x": {"allOf": [{"pattern": f"a{{1,{n}}}"} for n in range(1, 30)], "type": "string"}},
        [f"/properties/x/allOf/{n}/pattern" for n in range(29)],
        {"x": "y"},
        {"x": 1},
    ),
    (
        "two definitions, one of them wrong",
        {"x": {"$ref": "#/$defs/bad"}, "y": {"$ref": "#/$defs/good"}},
        ["/$defs/bad/items/pattern"],
        {"x": ["y"], "y": 3},
        {"y": 30},
    ),
    (
        "a value that never ends",
        {"x": {"$ref": "#/$defs/node", "required": True}},
        ["/$defs/node/properties/next/$ref"],
        {"x": {"next": 1}},
        {"x": {}},
    ),
    ("OpenAPI's null", {"x": {"type": "string", "nullable": True}}, [], {"x": None}, {"x": 1}),
    (
        "OpenAPI's null of a reference",
        {"x": {"$ref": "#/$defs/good", "nullable": True}},
        [],
        {"x": None},
        {"x": 30},
    ),
]
DEFINITIONS = {
    "bad": {"type": "array", "items": {"type": "string", "pattern": "(?<=a)b"}},
    "good": {"type": "integer", "maximum": 9},
    "node": {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node"}},
        "required": ["next"],
    },
}


@pytest.mark.parametrize(
    ("more", "paths", "good", "bad"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS]
)
def test_one_keyword_alone(
    more: dict[str, Any],
    paths: list[str],
    good: Any,
    bad: Any,
    nano_turns: TurnCompiler,
    nano_tokenizer: Tokenizer,
) -> None:
    schema = {**with_mode(more), "$defs": DEFINITIONS}
    rules = call_rules(schema)
    said = nano_turns.compile(rules).not_enforced
    what = "the parameters of functions.f: "
    told = {each.split(" is not enforced: ")[0] for each in said}
    assert told == {what + path for path in paths}
    assert can_call(nano_turns, nano_tokenizer, rules, {**good, "mode": "a"})
    assert not can_call(nano_turns, nano_tokenizer, rules, {**bad, "mode": "a"})
    assert not can_call(nano_turns, nano_tokenizer, rules, {**good, "mode": "neither"})
    assert not can_call(nano_turns, nano_tokenizer, rules, good)
    strict = call_rules(schema, is_strict=True)
    if paths:
        with pytest.raises(SchemaError, match=what):
            nano_turns.compile(strict)
    else:
        assert nano_turns.compile(strict).not_enforced == ()


def test_a_strict_schema_is_refused_by_path(nano_turns: TurnCompiler) -> None:
    for part, said in [
        ({"uniqueItems": True}, "/properties/x/uniqueItems: got uniqueItems, which cannot"),
        ({"pattern": "(?!a)"}, "/properties/x/pattern: regex parse error: error: look-around"),
        ({"minimum": 2**60}, "/properties/x/minimum: got the number .*, wanted at most 2.53"),
    ]:
        with pytest.raises(SchemaError, match=f"the schema of the answer: {said}"):
            nano_turns.compile(rules_of(with_mode({"x": part})))


@pytest.mark.parametrize("name", ["required", "enum", "additionalProperties", "properties"])
def test_null_for_a_keyword_that_is_not_there(
    name: str, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    schema = {"type": "object", "properties": MODE, name: None}
    rules = call_rules({**schema, "properties": MODE} if name != "properties" else schema)
    assert nano_turns.compile(rules).not_enforced == ()
    is_free = can_call(nano_turns, nano_tokenizer, rules, {"mode": "neither"})
    assert is_free is (name == "properties")


@pytest.mark.parametrize(
    "parameters",
    [
        {"properties": {"a": {"type": "string"}}},
        {"type": ["object", "null"], "properties": {"a": {"type": "string"}}},
        {"type": "object", "nullable": True, "properties": {"a": {"type": "string"}}},
        {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"type": "null"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"type": "string"}}}}},
        {"allOf": [{"properties": {"a": {"type": "string"}}}]},
    ],
)
@pytest.mark.parametrize("is_strict", [False, True])
def test_arguments_are_an_object(
    parameters: Any, is_strict: bool, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    rules = call_rules(parameters, is_strict=is_strict)
    assert nano_turns.compile(rules).not_enforced == ()
    for arguments, is_right in [({"a": "x"}, True), ({}, True), ({"a": 1}, False)]:
        assert can_call(nano_turns, nano_tokenizer, rules, arguments) is is_right
    for arguments in (None, "x", [1], 3):
        assert not can_call(nano_turns, nano_tokenizer, rules, arguments)


def test_arguments_of_another_type(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    rules = call_rules({"type": "array"})
    (said,) = nano_turns.compile(rules).not_enforced
    assert said.endswith("/type is not enforced: got the type array, wanted object")
    assert can_call(nano_turns, nano_tokenizer, rules, {})
    assert not can_call(nano_turns, nano_tokenizer, rules, [])
    with pytest.raises(SchemaError, match="/type: got the type array, wanted object"):
        nano_turns.compile(call_rules({"type": "array"}, is_strict=True))


def test_what_refers_to_itself_may_be_no_object_inside(
    nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    rules = call_rules({"properties": {"next": {"$ref": "#"}}})
    assert can_call(nano_turns, nano_tokenizer, rules, {"next": {"next": 3}})
    assert not can_call(nano_turns, nano_tokenizer, rules, 3)


def test_an_object_with_a_schema(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    answer = Answer(AnswerKind.JSON_OBJECT, {"properties": MODE, "required": ["mode"]})
    rules = TurnRules(answer=answer, reasons=False)
    assert can_write(nano_turns, nano_tokenizer, rules, '{"mode": "a"}')
    for text in ('{"mode": "c"}', "{}", "3", "null"):
        assert not can_write(nano_turns, nano_tokenizer, rules, text)


def test_a_lenient_answer_that_cannot_be_held_is_any_json(
    nano_turns: TurnCompiler, nano_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gptoss.structured.mending._MOST_TRIALS", 0)
    rules = rules_of({"type": "array", "items": {"pattern": "(?!a)"}}, is_strict=False)
    (said,) = nano_turns.compile(rules).not_enforced
    assert said.startswith("the schema of the answer: nothing but JSON, because regex parse error")
    for text in ("[1]", '"a"', '{"a": 1}'):
        assert can_write(nano_turns, nano_tokenizer, rules, text)
    assert not can_write(nano_turns, nano_tokenizer, rules, "{a}")


def tagged(kind: Any, **more: Any) -> dict[str, Any]:
    properties = {"kind": kind, **more}
    return {"type": "object", "properties": properties, "required": [*properties]}


CAT, DOG = {"const": "cat"}, {"type": "string", "enum": ["dog", "wolf"]}


@pytest.mark.parametrize(
    ("several", "excludes"),
    [
        ([tagged(CAT), tagged(DOG)], True),
        ([{"$ref": "#/$defs/cat"}, tagged(DOG)], True),
        ([{"allOf": [{"$ref": "#/$defs/cat"}]}, {"$ref": "#/$defs/dogs"}], True),
        ([{"const": 1}, {"const": True}, {"enum": ["1", None, [1]]}], True),
        ([{"const": 1}, {"enum": [1.0]}], False),
        ([{"type": "integer"}, {"type": "number"}], False),
        ([{"type": "integer"}, {"type": ["string", "null"]}], True),
        ([tagged(CAT), tagged({"type": "string"})], False),
        ([{**tagged(CAT), "required": []}, {**tagged(DOG), "required": []}], False),
        ([{**tagged(CAT), "nullable": True}, {**tagged(DOG), "nullable": True}], False),
        ([tagged({"type": "string"}), {"type": "object", "additionalProperties": False}], True),
        ([tagged({"type": "string"}), {"additionalProperties": False}], True),
        ([{"properties": {"kind": CAT}, "required": ["kind"]}, tagged(DOG)], True),
        ([tagged({"const": number}) for number in range(300)], True),
        ([*[tagged({"const": number}) for number in range(300)], tagged({"const": 7.0})], False),
        ([{"properties": {"kind": CAT}, "required": ["kind"]}, {"type": "null"}], False),
    ],
)
def test_alternatives_that_exclude_each_other(
    several: list[Any], excludes: bool, nano_turns: TurnCompiler
) -> None:
    """As pydantic writes its tagged unions; those that may match together are refused."""
    cat, dogs = tagged(CAT), {"oneOf": [tagged({"const": "dog"}), tagged({"const": "wolf"})]}
    about = {"propertyName": "kind", "mapping": {"cat": "#/$defs/cat"}}
    schema = {"oneOf": several, "discriminator": about, "$defs": {"cat": cat, "dogs": dogs}}
    if excludes:
        assert nano_turns.compile(rules_of(schema)).not_enforced == ()
        return
    with pytest.raises(SchemaError, match="/oneOf"):
        nano_turns.compile(rules_of(schema))
    (said,) = nano_turns.compile(rules_of(schema, is_strict=False)).not_enforced
    assert "/oneOf is not enforced: its alternatives may match together" in said


def test_many_faults_are_told_up_to_a_number(nano_turns: TurnCompiler) -> None:
    schema = with_mode({f"p{n}": {"uniqueItems": True} for n in range(150)})
    said = nano_turns.compile(call_rules(schema)).not_enforced
    assert len(said) == 101
    assert said[-1] == "the parameters of functions.f: 50 more keywords"


def test_parts_of_older_drafts_count() -> None:
    """Where a limit counts what a schema holds."""
    schema = {"items": [{"enum": [1]}], "not": {"if": {}}, "definitions": {"a": {}}}
    assert len([*parts(schema)]) == 5
