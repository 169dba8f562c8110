"""Schemas and grammars made to hurt: each ends in a clear error, soon, and takes nothing with it."""

from __future__ import annotations

import contextlib
import resource
import threading
from typing import Any

import numpy as np
import pytest

from gptoss.errors import SchemaError
from gptoss.structured import Answer, AnswerKind, ToolRule, TurnCompiler, TurnRules
from gptoss.structured.compiler import MAX_KEPT
from gptoss.structured.patterns import ascii_space
from gptoss.tokenizer import Tokenizer
from tests.levels import examples
from tests.structured.test_schemas import rules_of
from tests.structured.walks import messages_of, require_valid, take_walk


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def many(count: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(count)}}


BOMBS: list[tuple[str, dict[str, Any] | bool, str]] = [
    ("enum flood", {"enum": [f"value {n}" for n in range(200_000)]}, "bytes, wanted at most"),
    ("enum of numbers", {"enum": list(range(6000))}, "6,000 enum values, wanted at most 5,000"),
    ("nested", nested(2000), "nested too deeply|levels of nesting"),
    ("nested a little less", nested(50), "more than 40 levels of nesting"),
    ("many items", {"type": "array", "minItems": 10**7}, "minItems 10,000,000"),
    ("long text", {"type": "string", "minLength": 10**9}, "minLength 1,000,000,000"),
    ("many properties", many(1001), "1,001 properties"),
    ("circle", {"$ref": "#"}, "no value matches it"),
    (
        "circle of two",
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "no value matches it",
    ),
    ("circle through all of", {"allOf": [{"$ref": "#"}]}, "no value matches it"),
    (
        "endless value",
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        "goes on for ever",
    ),
    ("endless list", {"type": "array", "items": {"$ref": "#"}, "minItems": 1}, "goes on for ever"),
    ("remote", {"$ref": "https://example.org/schema"}, "nothing is fetched"),
    ("file", {"$ref": "file:///etc/passwd"}, "nothing is fetched"),
    ("nowhere", {"$ref": "#/$defs/none"}, "leads nowhere"),
    ("false", False, "no value matches it"),
    (
        "impossible range",
        {"type": "integer", "minimum": 5, "maximum": 3},
        "the schema of the answer",
    ),
    (
        "impossible length",
        {"type": "string", "minLength": 5, "maxLength": 3},
        "the schema of the answer",
    ),
    ("no such type", {"type": "text"}, "the schema of the answer"),
    ("types that are none", {"type": {"a": 1}}, "the schema of the answer"),
    ("a bad pattern", {"type": "string", "pattern": "(["}, "the schema of the answer"),
    (
        "patterns together",
        {"allOf": [{"pattern": f"a{{1,{n}}}"} for n in range(1, 30)]},
        "more than 1 s or 1 GiB to compile",
    ),
    (
        "patterns together by reference",
        {
            "$ref": "#/$defs/c0",
            "$defs": {
                f"c{n}": {"pattern": f"a{{1,{n + 1}}}", "$ref": f"#/$defs/c{min(n + 1, 28)}"}
                if n < 28
                else {"pattern": "b"}
                for n in range(29)
            },
        },
        "more than 1 s or 1 GiB to compile|Unable to determine",
    ),
    ("the smallest integer", {"const": -(2**63)}, "at most 2\\^53 either way"),
    ("a large number in an enum", {"enum": [{"a": [2**60]}]}, "at most 2\\^53 either way"),
    (
        "a chain of references",
        {
            "$ref": "#/$defs/d0",
            "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(3000)}
            | {"d3000": {"type": "null"}},
        },
        "than the compiler can take",
    ),
    (
        "patterns where no schema stands",
        {
            "properties": {"a": {"$ref": "#/$defs/g/i"}},
            "$defs": {"g": {"i": {"allOf": [{"pattern": f"a{{1,{n}}}"} for n in range(1, 30)]}}},
        },
        "more than 1 s or 1 GiB to compile",
    ),
    (
        "pattern properties",
        {"type": "object", "patternProperties": {f"^x{n}_": {"type": "null"} for n in range(101)}},
        "101 patternProperties, wanted at most 100",
    ),
    (
        "any one of a thousand",
        {**many(1000), "minProperties": 1, "additionalProperties": False},
        "to compile",
    ),
    (
        "names times alternatives",
        {
            "allOf": [
                {"required": [f"n{n}" for n in range(3000)]},
                {"anyOf": [{"minProperties": n} for n in range(200)]},
                {"anyOf": [{"minProperties": n} for n in range(100)]},
            ]
        },
        "to compile|only supported when|schema too large",
    ),
    (
        "endless by any name",
        {"type": "object", "required": ["a"], "additionalProperties": {"$ref": "#"}},
        "goes on for ever",
    ),
    ("a keyword with a slip", {"type": "string", "minLenght": 3}, "got minLenght, which cannot"),
    (
        "a keyword of the wrong type",
        {"type": "string", "pattern": ["a"]},
        "as pattern, wanted a reg",
    ),
    ("a negative multiple", {"type": "integer", "multipleOf": -1}, "as multipleOf, wanted"),
    (
        "multiples together",
        {
            "type": "integer",
            "allOf": [
                {"type": "integer", "multipleOf": 65521},
                {"type": "integer", "multipleOf": 65519},
            ],
        },
        "several multipleOf together",
    ),
    ("a dynamic reference", {"$dynamicRef": "#a"}, "dynamicRef, which cannot be enforced"),
]


@pytest.mark.parametrize(
    ("schema", "said"), [bomb[1:] for bomb in BOMBS], ids=[b[0] for b in BOMBS]
)
def test_bombs_are_refused(schema: Any, said: str, nano_turns: TurnCompiler) -> None:
    with pytest.raises(SchemaError, match=said):
        nano_turns.compile(rules_of(schema))


def alternatives(count: int) -> str:
    return "|".join(f"a{n}.*b" for n in range(count))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "((a{1,200}){1,200}){1,200}"},
        {"type": "string", "pattern": "(x+x+)+y"},
        {"type": "string", "pattern": "^(a|b|ab)*c{1000}$"},
        {"type": "string", "pattern": f"({alternatives(3000)})"},
        {"type": "string", "maxLength": 10**9},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 10**7},
        {"type": "array", "items": {"type": "string", "minLength": 9000}, "minItems": 9000},
        many(1000),
        {"anyOf": [{"$ref": "#"}, {"type": "integer"}]},
        {"enum": [f"value {n}" for n in range(5000)]},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_expensive_schemas_work_or_say_why_not(
    schema: Any, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(SchemaError):
        constraint = nano_turns.constraint(nano_turns.compile(rules_of(schema)), 0)
        take_walk(constraint, nano_tokenizer, np.random.default_rng(0), max_tokens=60)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 400


def test_compiled_turns_are_kept_up_to_a_number(nano_tokenizer: Tokenizer) -> None:
    turns = TurnCompiler(nano_tokenizer)
    first = turns.compile(rules_of({"const": 0}))
    assert turns.compile(rules_of({"const": 0})) is first
    for number in range(1, 5000):
        turns.compile(rules_of({"const": number}))
        if number == 300:
            settled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(turns._kept) == MAX_KEPT
    assert turns.compile(rules_of({"const": 0})) is not first
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - settled) / 1024
    assert grown_mib < 50


def test_too_many_tools() -> None:
    tools = tuple(ToolRule(f"functions.f{n}") for n in range(257))
    with pytest.raises(SchemaError, match="got 257 tools, wanted at most 256"):
        TurnRules(tools=tools)


def test_schemas_that_are_too_large_together(nano_turns: TurnCompiler) -> None:
    schema = {"enum": ["x" * 200_000]}
    tools = tuple(ToolRule(f"functions.f{n}", schema) for n in range(6))
    with pytest.raises(SchemaError, match="bytes together, wanted at most 1,048,576"):
        nano_turns.compile(TurnRules(tools=tools))


def test_compiling_can_be_cancelled(nano_turns: TurnCompiler) -> None:
    asked = iter([False, True])
    tools = tuple(ToolRule(f"functions.f{n}", {"const": n}) for n in range(9))
    with pytest.raises(SchemaError, match="cancelled"):
        nano_turns.compile(TurnRules(tools=tools), lambda: next(asked))


def test_compiling_takes_no_longer_than_allowed(
    nano_turns: TurnCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gptoss.structured.compiler.MAX_COMPILE_S", -1.0)
    with pytest.raises(SchemaError, match="to compile; send fewer or smaller ones"):
        nano_turns.compile(rules_of({"const": "slow"}))


def test_several_threads_compile_at_once(nano_tokenizer: Tokenizer) -> None:
    turns, failed = TurnCompiler(nano_tokenizer), []

    def compile_some(first: int) -> None:
        try:
            for number in range(first, first + 30):
                turns.compile(rules_of({"const": number}))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=compile_some, args=(10 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (AnswerKind.REGEX, "([", "the grammar of the answer cannot be used"),
        (AnswerKind.LARK, "nothing like a grammar", "the grammar of the answer cannot be used"),
        (AnswerKind.LARK, "start: <|return|>", "no special tokens"),
        (AnswerKind.LARK, 'start: "a" <[200002]>', "no special tokens"),
        (AnswerKind.LARK, "start: @args0", "no other grammars"),
        (AnswerKind.LARK, 'start: %json {"type": "string"}', "no directives"),
        (AnswerKind.LARK, '# "\nstart: <|start|> "x" // "', "no special tokens"),
        (AnswerKind.LARK, 'start: "a', "without an end"),
        (AnswerKind.LARK, '"\\' * 30_000, "without an end"),
        (AnswerKind.LARK, " " * 70_000, "wanted at most 65,536"),
        (
            AnswerKind.LARK,
            "\n".join(["start: r0", *(f"r{n}: r{n + 1}" for n in range(3500)), 'r3500: "a"']),
            "than the compiler can take",
        ),
        (AnswerKind.CHOICE, ("\ud800",), "a lone surrogate"),
        (
            AnswerKind.LARK,
            f"start: T\nT: {' & '.join(['/a.*/'] * 10)}",
            "uses & and ~ more than 8 times",
        ),
    ],
)
def test_wrong_grammars(kind: AnswerKind, value: str, said: str, nano_turns: TurnCompiler) -> None:
    with pytest.raises(SchemaError, match=said):
        nano_turns.compile(TurnRules(answer=Answer(kind, value)))


def test_what_looks_like_a_special_token_in_a_string_is_text(nano_turns: TurnCompiler) -> None:
    nano_turns.compile(TurnRules(answer=Answer(AnswerKind.LARK, 'start: "<|return|> @" /a@b/')))


def test_sequences_of_one_turn_do_not_share_their_fate(
    nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    """What ends one, here its patterns' states, leaves the next as it was."""
    pattern = "(a|b|c).{20}(x|y|z).{20}$"
    compiled = nano_turns.compile(rules_of({"type": "string", "pattern": pattern}))
    for seed in range(examples(400)):
        constraint = nano_turns.constraint(compiled, 0)
        take_walk(constraint, nano_tokenizer, np.random.default_rng(seed), max_tokens=60)


@pytest.mark.parametrize("multiple", [1, 2, 0.5, 0.01, 7])
@pytest.mark.parametrize("kind", ["number", "integer"])
def test_multiples(
    kind: str, multiple: float, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    schema = {"type": kind, "multipleOf": multiple, "minimum": 0, "maximum": 100}
    try:
        compiled = nano_turns.compile(rules_of(schema))
    except SchemaError:
        return
    for seed in range(examples(60)):
        constraint = nano_turns.constraint(compiled, 0)
        walk = take_walk(constraint, nano_tokenizer, np.random.default_rng(seed))
        if walk.is_finished:
            require_valid(messages_of(walk, nano_tokenizer)[-1].text, schema)


def test_space_in_patterns() -> None:
    """Of ASCII alone, since validators differ in what else they take for it."""
    assert ascii_space(r"^\s[\s\d]\\s$") == r"^[ \t\n\r\f\v][ \t\n\r\f\v\d]\\s$"


def test_a_grammar_that_holds_everybody_up(
    nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    """Ends its own request."""
    answer = Answer(AnswerKind.LARK, 'start: e\ne: e e | e e e | "a"')
    compiled = nano_turns.compile(TurnRules(answer=answer, reasons=False))
    constraint = nano_turns.constraint(compiled, 0)
    ids = list(constraint.forced([]))
    (letter,) = nano_tokenizer.encode("a")

    def write() -> None:
        for _ in range(1000):
            constraint(ids, np.zeros(nano_tokenizer.vocab_size, np.float32))
            ids.append(letter)

    with pytest.raises(SchemaError, match="takes too long for each token"):
        write()
