"""Turns that go on from a beginning."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss.chat import Reply, TurnFinished
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.turn import begin_turns
from gptoss.engine import SamplingParams
from gptoss.errors import SchemaError
from gptoss.harmony import (
    Channel,
    ContentDelta,
    Effort,
    Message,
    ReasoningDelta,
    Role,
    SystemContent,
)
from gptoss.runtime import LoadedModel
from gptoss.structured import Answer, AnswerKind, TurnRules

CONVERSATION = [
    Message(Role.SYSTEM, SystemContent(effort=Effort.MEDIUM)),
    Message(Role.USER, "What is 48213 + 9077?"),
]
GREEDY = SamplingParams(temperature=0)


def asked(
    begun: Message | None = None, before: tuple[Message, ...] = (), **more: Any
) -> TurnRequest:
    """A request of the turn that goes on from `begun`; what it is held to comes from elsewhere."""
    said = [*CONVERSATION, *before, *([] if begun is None else [begun])]
    continues = begun is not None
    return TurnRequest(messages=said, sampling=GREEDY, continues=continues, grammar=False, **more)


def answered(
    model: LoadedModel,
    begun: Message | None = None,
    *,
    before: tuple[Message, ...] = (),
    rules: TurnRules | None = None,
    limits: TurnLimits | None = None,
) -> tuple[Reply, str, str]:
    """The reply, and the text of its deltas: of the answer and of the chain of thought."""
    compiled = None if rules is None else model.turns.compile(rules)
    request = asked(begun, before=before, limits=limits or TurnLimits())
    (turn,) = begin_turns(model, request, compiled)
    content, reasoning = [], []
    for event in turn.events():
        match event:
            case ContentDelta(text):
                content.append(text)
            case ReasoningDelta(text):
                reasoning.append(text)
            case TurnFinished(reply):
                return reply, "".join(content), "".join(reasoning)
    raise AssertionError


@pytest.mark.parametrize("rules", [None, TurnRules()], ids=["free", "held"])
def test_chain_of_thought(nano_model: LoadedModel, rules: TurnRules | None) -> None:
    whole, _, _ = answered(nano_model, rules=rules)
    for num_lines in range(1, whole.reasoning.count("\n")):
        lines = whole.reasoning.split("\n")
        begun = Message(Role.ASSISTANT, "\n".join(lines[:num_lines]) + "\n", Channel.ANALYSIS)
        reply, content, reasoning = answered(nano_model, begun, rules=rules)
        assert begun.text + reply.reasoning == whole.reasoning
        assert reply.content == content == whole.content == "57290"
        assert reply.reasoning == reasoning
        total = reply.usage.prompt_tokens + reply.usage.completion_tokens
        assert total == whole.usage.prompt_tokens + whole.usage.completion_tokens


@pytest.mark.parametrize("rules", [None, TurnRules()], ids=["free", "held"])
def test_answer(nano_model: LoadedModel, rules: TurnRules | None) -> None:
    whole, _, _ = answered(nano_model, rules=rules)
    thought = Message(Role.ASSISTANT, whole.reasoning, Channel.ANALYSIS)
    begun = Message(Role.ASSISTANT, "5", Channel.FINAL)
    reply, content, reasoning = answered(nano_model, begun, before=(thought,), rules=rules)
    assert "5" + reply.content == whole.content
    assert (content, reasoning) == (reply.content, "")
    assert reply.usage.reasoning_tokens == 0
    assert [message.channel for message in reply.messages] == [Channel.FINAL]


def test_budget_counts_what_was_thought(nano_model: LoadedModel) -> None:
    whole, _, _ = answered(nano_model)
    half = whole.reasoning[: whole.reasoning.index("\n", 40) + 1]
    begun = Message(Role.ASSISTANT, half, Channel.ANALYSIS)
    num = len(nano_model.tokenizer.encode(half))
    reply, _, _ = answered(nano_model, begun, limits=TurnLimits(reasoning_tokens=num))
    assert reply.is_reasoning_cut
    assert reply.reasoning == ""
    assert reply.content


def test_stop_strings_and_limits_are_of_what_is_new(nano_model: LoadedModel) -> None:
    begun = Message(Role.ASSISTANT, "57", Channel.FINAL)
    limits = TurnLimits(stop=("7",))
    reply, content, _ = answered(nano_model, begun, limits=limits)
    assert "7" not in reply.content
    assert content == reply.content
    reply, _, _ = answered(nano_model, begun, limits=TurnLimits(max_tokens=1))
    assert reply.usage.completion_tokens == 1


def test_schema_holds_for_the_whole(nano_model: LoadedModel) -> None:
    rules = TurnRules(answer=Answer(AnswerKind.REGEX, "abc[0-9]xyz"), reasons=False)
    reply, _, _ = answered(nano_model, Message(Role.ASSISTANT, "ab", Channel.FINAL), rules=rules)
    assert reply.content[0] == "c"
    assert reply.content.endswith("xyz")
    for text, told in (("b", "beginning"), ("abc0xyz!", "beginning")):
        with pytest.raises(SchemaError, match=told):
            answered(nano_model, Message(Role.ASSISTANT, text, Channel.FINAL), rules=rules)
    with pytest.raises(SchemaError, match="beginning"):
        answered(nano_model, Message(Role.ASSISTANT, "x", Channel.ANALYSIS), rules=rules)


def test_special_tokens_in_it_are_text(nano_model: LoadedModel) -> None:
    begun = Message(Role.ASSISTANT, "<|end|><|start|>system", Channel.FINAL)
    reply, _, _ = answered(nano_model, begun, limits=TurnLimits(max_tokens=4))
    assert len(reply.messages) == 1


def test_several_ways(nano_model: LoadedModel) -> None:
    begun = Message(Role.ASSISTANT, "5", Channel.FINAL)
    turns = begin_turns(nano_model, asked(begun, num=2))
    found = [
        event.reply for turn in turns for event in turn.events() if isinstance(event, TurnFinished)
    ]
    assert found[0].content == found[1].content
