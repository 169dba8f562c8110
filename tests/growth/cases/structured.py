"""Schemas, grammars and choices that requests bring, and the tokens that are held to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from llguidance import LLMatcher, LLTokenizer

from gptoss import nano
from gptoss.chat import answer_of, tool_choice_of
from gptoss.errors import GptossError
from gptoss.harmony.names import Marker
from gptoss.structured import Answer, AnswerKind, ToolRule, TurnRules
from gptoss.structured.constraint import GrammarConstraint
from gptoss.structured.json_schema import _Values, prepare
from gptoss.structured.keywords import ascii_space, combined_multiples, keep_keywords
from gptoss.structured.plain_turn import PlainTurn
from gptoss.structured.schema_limits import within_limits
from gptoss.structured.turn_grammar import text_lark
from gptoss.tokenizer import Tokenizer
from tests.growth.case import Case

Schema = dict[str, object]


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


def _limits(schema: Schema) -> None:
    within_limits(schema, "it")


def _prepare(schema: Schema) -> None:
    prepare(schema, "it", is_lenient=True)


def _all_of(size: int) -> Schema:
    return {"allOf": [{} for _ in range(size)]}


def _required(size: int) -> Schema:
    names = [f"p{number}" for number in range(size)]
    return {"type": "object", "required": names, "properties": {name: {} for name in names}}


def _any_of_itself(size: int) -> Schema:
    return {"allOf": [{"anyOf": [{"$ref": f"#/allOf/{n}"}, {}]} for n in range(size)]}


def _chain(size: int) -> Schema:
    last: Schema = {"type": "string"}
    each = [{"allOf": [{"$ref": f"#/$defs/d{number + 1}"}]} for number in range(size)]
    return {
        "$ref": "#/$defs/d0",
        "$defs": {f"d{number}": part for number, part in enumerate([*each, last])},
    }


def _multiples(size: int) -> list[Schema]:
    return [{"allOf": [], "multipleOf": 65_535} for _ in range(size)]


def _enum(size: int) -> Schema:
    return {"enum": [[number, {"x": 1.5}] for number in range(size)]}


def _wrong_keyword(size: int) -> Schema:
    return {"minLength": [["x"] * 10] * size}


def _keywords(schema: Schema) -> None:
    keep_keywords(schema, "it", is_lenient=False)


def _rules(size: int) -> TurnRules:
    parameters = {"properties": {f"p{number}": {"enum": ["x"]} for number in range(size)}}
    return TurnRules((ToolRule("functions.f", parameters),))


def _allowed(size: int) -> TurnRules:
    names = tuple(f"functions.f{number}" for number in range(200))
    return TurnRules(tuple(map(ToolRule, names)), allowed=(names[-1],) * size)


def _tool_choice(size: int) -> tuple[object, dict[str, str]]:
    names = [f"functions.f{number}" for number in range(size)]
    tools = [{"type": "function", "name": name.removeprefix("functions.")} for name in names]
    return {"type": "allowed_tools", "tools": tools}, dict.fromkeys(names, "function")


def _wrong_choice(size: int) -> tuple[object, dict[str, str]]:
    return [["x"] * 10] * size, {}


def _lark(text: str) -> Callable[[int], Answer]:
    return lambda size: Answer(AnswerKind.LARK, "start: x\n" + text * size)


def _choices(size: int) -> dict[str, object]:
    return {"type": "choice", "choice": [f"choice {number}" for number in range(size)]}


def _choice_lark(response_format: dict[str, object]) -> str:
    return text_lark(answer_of(response_format)[0])


def _plain_turn(size: int) -> list[int]:
    encode, special_id = _tokenizer().encode, _tokenizer().special_id
    header = [special_id(Marker.CHANNEL), *encode("final"), special_id(Marker.MESSAGE)]
    return [*header, *encode("a") * size]


def _hold_plain(token_ids: list[int]) -> None:
    turn, read = PlainTurn(_tokenizer(), 0), []
    for token_id in token_ids:
        read.append(token_id)
        turn.forced(read)


def _held_bytes(size: int) -> bytes:
    return b"[" + b"1,{}," * size


def _hold_bytes(text: bytes) -> None:
    """To a grammar of any JSON, byte for byte."""
    tokenizer = LLTokenizer("byte")
    grammar = '{"grammars": [{"json_schema": {"type": "array"}}]}'
    matcher, later = (LLMatcher(tokenizer, grammar, log_level=0) for _ in range(2))
    constraint = GrammarConstraint(matcher, later, tokenizer.vocab_size, 0)
    constraint._left_s = float("inf")
    read: list[int] = []
    for byte in text:
        read.append(byte)
        constraint(read, np.zeros(tokenizer.vocab_size, np.float32))
        constraint.forced(read)


CASES = (
    Case("limits of a wide schema", _required, _limits, 400),
    Case("schemas that must all have values", _all_of, _prepare, 200),
    Case("properties that must be there", _required, _prepare, 200),
    Case("alternatives that refer to each other", _any_of_itself, _Values, 80),
    Case("references one after the other", _chain, _prepare, 60),
    Case("multiples of all", _multiples, combined_multiples, 100_000),
    Case("numbers in an enum", _enum, _prepare, 1000),
    Case("a wrong keyword of any size", _wrong_keyword, _keywords, 20_000, raises=GptossError),
    Case("space in a pattern", lambda n: r"[\s]\s" * n, ascii_space, 700),
    Case("key of rules", _rules, TurnRules.key, 400),
    Case("tools that may be called", _allowed, lambda rules: rules.callable, 50_000),
    Case("a choice of tools", _tool_choice, lambda given: tool_choice_of(*given), 1000),
    Case(
        "a wrong choice of any size",
        _wrong_choice,
        lambda given: tool_choice_of(*given),
        20_000,
        raises=GptossError,
    ),
    Case(
        "regular expression with slashes",
        lambda n: Answer(AnswerKind.REGEX, "/\n" * n),
        text_lark,
        5000,
    ),
    Case("grammar of strings", _lark('x: "a\\"" /b/ // c\n'), text_lark, 500),
    Case("grammar of half strings", _lark('x: "a" "' + "\\\\" * 20), text_lark, 500),
    Case("grammar of imports", _lark("%import" + " " * 20 + "common.X\n"), text_lark, 500),
    Case("choices", _choices, _choice_lark, 500),
    Case("tokens of a plain turn", _plain_turn, _hold_plain, 1000),
    Case("tokens of a grammar", _held_bytes, _hold_bytes, 20),
)
