"""Tokens that a turn counts: those that were read, however many were generated meanwhile."""

from __future__ import annotations

import time

import pytest

from gptoss.chat import TurnFinished, TurnLimits, TurnRequest, begin_turns
from gptoss.engine import FinishReason
from gptoss.harmony import Message, Role
from tests.conftest import ScriptedModel

HEADER = "<|channel|>final<|message|>"
TURN = f"{HEADER}one two three four five<|return|>"


@pytest.mark.parametrize("grammar", [False, True])
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("stop", ["one", " tw", "two", "three fo", "e", "five"])
def test_up_to_the_one_that_completes_the_stop_string(
    scripted_model: ScriptedModel, stop: str, is_late: bool, grammar: bool
) -> None:
    model = scripted_model(TURN)
    request = TurnRequest(
        messages=[Message(Role.USER, "Hi")],
        limits=TurnLimits(stop=(stop,)),
        grammar=grammar,
        reasons=not grammar,
    )
    (turn,) = begin_turns(model, request)
    while is_late and not turn.progress.is_over:
        time.sleep(0.001)
    *_, last = turn.events()
    assert isinstance(last, TurnFinished)
    reply = last.reply
    assert reply.content == "one two three four five".partition(stop)[0]
    assert reply.finish_reason is FinishReason.STOP
    assert reply.messages[-1].text == reply.content
    texts = [
        model.tokenizer.decode([each]) for each in model.tokenizer.encode("one two three four five")
    ]
    needed = next(n for n in range(len(texts) + 1) if stop in "".join(texts[:n]))
    assert reply.usage.completion_tokens == 3 + needed
