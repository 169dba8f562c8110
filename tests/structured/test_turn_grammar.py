"""What a turn may be by its tools, its choice and the shape of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from gptoss.errors import SchemaError
from gptoss.structured import Answer, AnswerKind, ToolChoice, ToolRule, TurnCompiler, TurnRules
from gptoss.tokenizer import Tokenizer
from tests.conftest import ids_of
from tests.structured.walks import messages_of, require_valid, take_walk

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = ToolRule("functions.weather", CITY)
STOP = ToolRule("functions.stop")
SEARCH = ToolRule("browser.search", CITY, is_built_in=True)
PYTHON = ToolRule("python", is_built_in=True, takes_text=True)
TOOLS = TurnRules(tools=(WEATHER, STOP, SEARCH, PYTHON))

ANALYSIS = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
PREAMBLE = "<|channel|>commentary<|message|>Wait.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>Hello.<|return|>"
CALL = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Oslo"}<|call|>'
TURNED = ' to=functions.weather<|channel|>commentary <|constrain|>json<|message|>{"city": "Oslo"}<|call|>'
NO_ARGUMENTS = "<|channel|>commentary to=functions.stop <|constrain|>json<|message|>{}<|call|>"
BROWSE = '<|channel|>analysis to=browser.search code<|message|>{"city": "Oslo"}<|call|>'
CODE = "<|channel|>analysis to=python code<|message|>print(1)<|call|>"
SCHEMA = Answer(AnswerKind.JSON_SCHEMA, CITY)
CITY_ANSWER = '<|channel|>final<|message|>{"city": "Oslo"}<|return|>'
TYPED_ANSWER = '<|channel|>final <|constrain|>json<|message|>{"city": "Oslo"}<|return|>'


def allowed(
    turns: TurnCompiler, tokenizer: Tokenizer, rules: TurnRules, ids: Sequence[int]
) -> bool:
    """Whether each of the ids may follow those before it."""
    constraint = turns.constraint(turns.compile(rules), 0)
    for position, token_id in enumerate(ids):
        logits = constraint(ids[:position], np.zeros(tokenizer.vocab_size, np.float32))
        if logits[token_id] != 0:
            return False
    return True


@pytest.mark.parametrize(
    ("rules", "markup"),
    [
        (TOOLS, FINAL),
        (TOOLS, ANALYSIS + FINAL),
        (TOOLS, ANALYSIS + PREAMBLE + ANALYSIS + CALL),
        (TOOLS, CALL),
        (TOOLS, TURNED),
        (TOOLS, NO_ARGUMENTS),
        (TOOLS, BROWSE),
        (TOOLS, BROWSE.replace(" code", " <|constrain|>json")),
        (TOOLS, ANALYSIS + CODE),
        (replace(TOOLS, choice=ToolChoice.REQUIRED), ANALYSIS + CALL),
        (replace(TOOLS, allowed=("functions.stop",)), NO_ARGUMENTS),
        (
            replace(TOOLS, is_parallel=True),
            CALL.replace("<|call|>", "<|end|><|start|>assistant") + CALL,
        ),
        (replace(TOOLS, choice=ToolChoice.NONE), ANALYSIS + FINAL),
        (replace(TOOLS, answer=SCHEMA), ANALYSIS + CITY_ANSWER),
        (replace(TOOLS, answer=SCHEMA), CALL),
        (TurnRules(answer=SCHEMA), TYPED_ANSWER),
        (TurnRules(), ANALYSIS + ANALYSIS + FINAL),
        (TurnRules(reasons=False), FINAL),
        (replace(TOOLS, reasons=False), CALL),
        (
            TurnRules(answer=Answer(AnswerKind.JSON_OBJECT)),
            '<|channel|>final<|message|>{"a": [1]}<|return|>',
        ),
        (
            TurnRules(answer=Answer(AnswerKind.REGEX, "[a-z]+/[0-9]{2}")),
            "<|channel|>final<|message|>ab/12<|return|>",
        ),
        (
            TurnRules(answer=Answer(AnswerKind.REGEX, "a\nb")),
            "<|channel|>final<|message|>a\nb<|return|>",
        ),
        (
            TurnRules(answer=Answer(AnswerKind.CHOICE, ("yes", 'a "b"\n\x01ü'))),
            '<|channel|>final<|message|>a "b"\n\x01ü<|return|>',
        ),
        (
            TurnRules(answer=Answer(AnswerKind.LARK, 'start: "a" b+\nb: /[0-9]/')),
            "<|channel|>final<|message|>a12<|return|>",
        ),
    ],
)
def test_allowed(
    rules: TurnRules, markup: str, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    assert allowed(nano_turns, nano_tokenizer, rules, ids_of(markup, nano_tokenizer))


@pytest.mark.parametrize(
    ("rules", "markup"),
    [
        (TurnRules(), CALL),
        (TurnRules(), PREAMBLE),
        (TurnRules(reasons=False), ANALYSIS + FINAL),
        (TurnRules(), "Hello.<|return|>"),
        (TurnRules(), "<|message|>Hello.<|return|>"),
        (TurnRules(), "<|channel|>final<|channel|>"),
        (TurnRules(), "<|channel|>final<|message|>Hello.<|end|>"),
        (TurnRules(), "<|channel|>final<|message|>Hello.<|start|>"),
        (TurnRules(), "<|channel|>analysis<|message|>Hm.<|return|>"),
        (TurnRules(), "<|channel|>analysis<|message|>Hm.<|end|>Hello"),
        (TOOLS, CALL.replace("weather", "whether")),
        (TOOLS, CALL.replace("functions.weather", "weather")),
        (TOOLS, CALL.replace("city", "town")),
        (TOOLS, CALL.replace("<|call|>", "<|return|>")),
        (TOOLS, CALL.replace("<|call|>", "<|end|>")),
        (TOOLS, CALL.replace("json", "code")),
        (TOOLS, CALL.replace("commentary", "analysis")),
        (TOOLS, NO_ARGUMENTS.replace("{}", '{"a": 1}')),
        (TOOLS, "<|channel|>commentary<|message|>Wait.<|return|>"),
        (replace(TOOLS, choice=ToolChoice.REQUIRED), ANALYSIS + FINAL),
        (replace(TOOLS, choice=ToolChoice.NONE), CALL),
        (replace(TOOLS, allowed=("functions.stop",)), CALL),
        (
            replace(TOOLS, is_parallel=True),
            CALL.replace("<|call|>", "<|end|><|start|>assistant") + FINAL,
        ),
        (replace(TOOLS, reasons=False), ANALYSIS + CALL),
        (
            replace(
                TOOLS, is_parallel=True, choice=ToolChoice.REQUIRED, allowed=("functions.weather",)
            ),
            CALL.replace("<|call|>", "<|end|><|start|>assistant") + CALL,
        ),
        (replace(TOOLS, answer=SCHEMA), FINAL),
        (replace(TOOLS, answer=SCHEMA), PREAMBLE + CITY_ANSWER),
        (replace(TOOLS, answer=SCHEMA), PREAMBLE + CALL),
        (replace(TOOLS, answer=SCHEMA, choice=ToolChoice.REQUIRED), PREAMBLE + CALL),
        (replace(TOOLS, answer=Answer(AnswerKind.CHOICE, ("yes",))), PREAMBLE + CALL),
        (TurnRules(answer=SCHEMA), CITY_ANSWER.replace("Oslo", "Oslo, the capital of Norway")),
        (
            TurnRules(answer=Answer(AnswerKind.JSON_OBJECT)),
            "<|channel|>final<|message|>[1]<|return|>",
        ),
        (
            TurnRules(answer=Answer(AnswerKind.REGEX, "[a-z]+")),
            "<|channel|>final<|message|>ab1<|return|>",
        ),
        (
            TurnRules(answer=Answer(AnswerKind.CHOICE, ("yes", "no"))),
            "<|channel|>final<|message|>maybe<|return|>",
        ),
    ],
)
def test_forbidden(
    rules: TurnRules, markup: str, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    assert not allowed(nano_turns, nano_tokenizer, rules, ids_of(markup, nano_tokenizer))


@pytest.mark.wide(5)
@pytest.mark.parametrize("choice", list(ToolChoice))
@pytest.mark.parametrize("named", [None, ("functions.weather",), ("python", "functions.stop")])
@pytest.mark.parametrize("answer", [Answer(), SCHEMA])
@pytest.mark.parametrize("is_parallel", [False, True])
def test_noise_obeys(
    choice: ToolChoice,
    named: tuple[str, ...] | None,
    answer: Answer,
    is_parallel: bool,
    nano_turns: TurnCompiler,
    nano_tokenizer: Tokenizer,
) -> None:
    rules = replace(TOOLS, choice=choice, allowed=named, answer=answer, is_parallel=is_parallel)
    compiled = nano_turns.compile(rules)
    callable_names = {tool.recipient for tool in rules.callable}
    num_finished = 0
    for seed in range(12):
        constraint = nano_turns.constraint(compiled, 0)
        walk = take_walk(constraint, nano_tokenizer, np.random.default_rng(seed), max_tokens=250)
        messages = messages_of(walk, nano_tokenizer)
        if not walk.is_finished:
            continue
        num_finished += 1
        calls = [message for message in messages if message.is_tool_call]
        for call in calls:
            assert call.recipient in callable_names
            if call.recipient == "functions.weather":
                require_valid(call.text, CITY)
        assert len(calls) <= 1 or is_parallel
        last = messages[-1]
        assert last.is_tool_call or last.is_final
        if choice is ToolChoice.REQUIRED:
            assert last.is_tool_call
        if choice is ToolChoice.NONE:
            assert not calls
        if last.is_final and answer is SCHEMA:
            require_valid(last.text, CITY)
    assert num_finished > 6


def test_headers_are_not_sampled(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    """Where there is no choice, what must come is given as a whole."""
    rules = TurnRules(
        tools=(WEATHER,), choice=ToolChoice.REQUIRED, reasons=False, allowed=("functions.weather",)
    )
    constraint = nano_turns.constraint(nano_turns.compile(rules), 0)
    begun = ids_of("<|channel|>commentary to", nano_tokenizer)
    forced = list(constraint.forced(begun))
    wanted = ids_of("=functions.weather <|constrain|>json<|message|>", nano_tokenizer)
    assert forced[: len(wanted)] == wanted


def test_a_turn_that_has_begun(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    """The prompt may hold the first part of the turn."""
    before = ids_of("What?<|end|><|start|>assistant", nano_tokenizer)
    begun = ids_of("<|channel|>final<|message|>", nano_tokenizer)
    constraint = nano_turns.constraint(nano_turns.compile(TurnRules(answer=SCHEMA)), len(before))
    logits = constraint([*before, *begun], np.zeros(nano_tokenizer.vocab_size, np.float32))
    assert logits[nano_tokenizer.encode("{")[0]] == 0
    assert logits[nano_tokenizer.encode("a")[0]] == -np.inf


@pytest.mark.parametrize("rules", [TurnRules(), TurnRules(answer=SCHEMA)])
def test_a_turn_that_has_begun_wrongly(
    rules: TurnRules, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    constraint = nano_turns.constraint(nano_turns.compile(rules), 0)
    with pytest.raises(SchemaError):
        constraint.forced(ids_of("<|channel|>final<|channel|>", nano_tokenizer))


@pytest.mark.parametrize("rules", [TurnRules(), TOOLS, TurnRules(answer=SCHEMA)])
def test_the_end_of_reasoning(
    rules: TurnRules, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    position = len(ids_of(ANALYSIS, nano_tokenizer))
    ids = [0] * position
    for seed in range(5):
        constraint = nano_turns.constraint(nano_turns.compile(rules), 0)
        constraint.forced(ids_of("<|channel|>analysis<|message|>Hm", nano_tokenizer))
        for _ in range(2):
            constraint.end_reasoning(position)
        walk = take_walk(constraint, nano_tokenizer, np.random.default_rng(seed), begun=ids)
        messages = messages_of(replace(walk, token_ids=walk.token_ids[position:]), nano_tokenizer)
        assert not any(message.is_reasoning for message in messages)


def test_lenient_tools_keep_to_json(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    """What their schemas cannot say is reported."""
    wrong = ToolRule("functions.odd", {"type": "object", "minimum": "three", "$ref": "https://a.b"})
    unique = ToolRule("functions.unique", {"type": "array", "uniqueItems": True})
    rules = TurnRules(tools=(wrong, unique), choice=ToolChoice.REQUIRED)
    compiled = nano_turns.compile(rules)
    assert [said.split(": ")[:2] for said in compiled.not_enforced] == [
        ["the parameters of functions.odd", "/minimum is not enforced"],
        ["the parameters of functions.odd", "/$ref is not enforced"],
        ["the parameters of functions.unique", "/uniqueItems is not enforced"],
        ["the parameters of functions.unique", "/type is not enforced"],
    ]
    markup = "<|channel|>commentary to=functions.odd <|constrain|>json<|message|>"
    for arguments, is_right in [('{"a": 1}', True), ("{a}", False), ("[1]", False)]:
        ids = ids_of(f"{markup}{arguments}<|call|>", nano_tokenizer)
        assert allowed(nano_turns, nano_tokenizer, rules, ids) is is_right


def test_a_strict_tool_with_the_same_schema_is_refused(nano_turns: TurnCompiler) -> None:
    unique = ToolRule("functions.unique", {"type": "array", "uniqueItems": True}, is_strict=True)
    with pytest.raises(SchemaError, match=r"the parameters of functions\.unique: .*uniqueItems"):
        nano_turns.compile(TurnRules(tools=(WEATHER, unique)))
