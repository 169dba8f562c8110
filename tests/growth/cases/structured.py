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
from gptoss.schemas import read
from gptoss.structured import Answer, AnswerKind, ToolRule, TurnRules
from gptoss.structured.alternatives import Alternatives
from gptoss.structured.constraint import GrammarConstraint
from gptoss.structured.held_schema import _combines_multiples, held
from gptoss.structured.patterns import ascii_space
from gptoss.structured.plain_turn import PlainTurn
from gptoss.structured.schema_limits import within_limits
from gptoss.structured.turn_grammar import SchemaPart, text_lark
from gptoss.structured.values import Values
from gptoss.tokenizer import Tokenizer
from tests.growth.case import Case

Schema = dict[str, object]


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


def _limits(schema: Schema) -> None:
    within_limits(schema, "it")


def _held(schema: Schema) -> None:
    held(SchemaPart("it", "it", schema, is_strict=True, is_object=False), schema, lambda _: None)


def _definitions_of_one_name(size: int) -> Schema:
    inner = {f"d{number}": {"x": {"const": number}} for number in range(size)}
    return {"allOf": [{"$ref": f"#/in/{name}/x"} for name in inner], "in": inner}


def _unknown_and_referred_to(size: int) -> Schema:
    inner: Schema = {f"k{number}": {"x": {}} for number in range(size)}
    return {**inner, "anyOf": [{"$ref": f"#/{name}/x"} for name in inner]}


def _required_inside(size: int) -> Schema:
    return {"properties": {f"p{number}": {"required": True} for number in range(size)}}


def _tagged(size: int) -> list[Schema]:
    def tagged(number: int) -> Schema:
        return {"type": "object", "properties": {"k": {"const": number}}, "required": ["k"]}

    return [{"anyOf": [tagged(number), tagged(-1 - number)]} for number in range(size)]


def _alternatives(several: list[Schema]) -> None:
    Alternatives({}).exclude_each_other(several)


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
    Case("schemas that must all have values", _all_of, _held, 200),
    Case("properties that must be there", _required, _held, 200),
    Case("alternatives that refer to each other", _any_of_itself, Values, 80),
    Case("references one after the other", _chain, _held, 60),
    Case("definitions of one name", _definitions_of_one_name, read, 100),
    Case("unknown keywords that are referred to", _unknown_and_referred_to, read, 100),
    Case("properties that say that they must be there", _required_inside, read, 200),
    Case("alternatives that exclude each other", _tagged, _alternatives, 150),
    Case("multiples of all", _multiples, _combines_multiples, 20_000),
    Case("numbers in an enum", _enum, _held, 1000),
    Case("a wrong keyword of any size", _wrong_keyword, _held, 20_000, raises=GptossError),
    Case("space in a pattern", lambda n: r"[\s]\s" * n, ascii_space, 700),
    Case("key of rules", _rules, TurnRules.key, 400),
    Case("tools that may be called", _allowed, lambda rules: rules.callable, 50_000),
    Case("a choice of tools", _tool_choice, lambda given: tool_choice_of(*given), 1000),
    Case(
        "a wrong choice of any size",
        _wrong_choice,
        lambda given: tool_choice_of(*given),
        2500,
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
