"""Which of the chain of thought reaches the prompt."""

from __future__ import annotations

import pytest

from gptoss import harmony
from gptoss.chat import from_chat
from gptoss.harmony import Message, Role
from gptoss.harmony.reasoning import (
    with_last_reasoning,
    with_last_thought,
    without_old_reasoning,
)
from tests import o200k

QUESTION = Message(Role.USER, "q")
THOUGHT = Message(Role.ASSISTANT, "t", "analysis")
PREAMBLE = Message(Role.ASSISTANT, "p", "commentary")
CALL = Message(Role.ASSISTANT, "{}", "commentary", "functions.f", "<|constrain|>json")
RESULT = Message(Role.TOOL, "r", "commentary", "assistant", name="functions.f")
BUILT_IN = Message(Role.ASSISTANT, "1+1", "analysis", "python")
ANSWER = Message(Role.ASSISTANT, "a", "final")
SYSTEM = Message(Role.SYSTEM, "s")
NAMES = {
    "Q": QUESTION,
    "T": THOUGHT,
    "P": PREAMBLE,
    "C": CALL,
    "R": RESULT,
    "B": BUILT_IN,
    "A": ANSWER,
    "S": SYSTEM,
}


def conversation(letters: str) -> list[Message]:
    return [NAMES[letter] for letter in letters]


def letters(messages: list[Message]) -> str:
    names = {id(message): letter for letter, message in NAMES.items()}
    return "".join(names[id(message)] for message in messages)


@pytest.mark.parametrize(
    ("whole", "prompt"),
    [
        ("", ""),
        ("SQ", "SQ"),
        ("QTA", "QA"),
        ("QTAQ", "QAQ"),
        ("QTTAQTA", "QAQA"),
        # Kept while tools run, in the first turn and in later ones.
        ("QTCR", "QTCR"),
        ("QTCRTCR", "QTCRTCR"),
        ("QTPCRTBR", "QTPCRTBR"),
        ("QTAQTCR", "QAQTCR"),
        ("QTCRTAQTCRTBR", "QCRAQTCRTBR"),
        # Gone with the answer; calls and preambles stay.
        ("QTCRTAQ", "QCRAQ"),
        ("QTPCRTBRTA", "QPCRBRA"),
        # A call from the chain of thought is no chain of thought.
        ("QTBRTAQ", "QBRAQ"),
        # Cut off before its answer: the turn has not ended, and its thoughts end with the next answer.
        ("QTQ", "QTQ"),
        ("QTQTAQ", "QQAQ"),
        ("QTCRQTA", "QCRQA"),
        ("TA", "A"),
    ],
)
def test_prompt(whole: str, prompt: str) -> None:
    assert letters(without_old_reasoning(conversation(whole))) == prompt


@pytest.mark.parametrize(
    ("whole", "kept", "template"),
    [
        ("QTA", "QTA", "QTA"),
        ("QTAQTA", "QAQTA", "QAQTA"),
        ("QTCRTAQTCRTA", "QCRAQTCRTA", "QCRAQCRTA"),
        ("QTCRTTA", "QTCRTTA", "QCRTTA"),
        ("QTAQTCR", "QAQTCR", "QAQTCR"),
        ("QTAQ", "QAQ", "QAQ"),
        ("QTQTA", "QQTA", "QQTA"),
    ],
)
def test_training(whole: str, kept: str, template: str) -> None:
    assert letters(with_last_reasoning(conversation(whole))) == kept
    assert letters(with_last_thought(conversation(whole))) == template


def test_rendering_follows_it_and_can_keep_all() -> None:
    tokenizer = o200k.tokenizer()
    turns = conversation("QTAQ")
    assert "analysis" not in tokenizer.decode(harmony.render(turns, tokenizer))
    assert "analysis" in tokenizer.decode(harmony.render(turns, tokenizer, keep_reasoning=True))


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "thinking"])
def test_whichever_field_it_comes_back_in(field: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    first = [
        {"role": "user", "content": "q"},
        {"role": "assistant", field: "t", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ]
    running = from_chat(first)
    assert [m.text for m in without_old_reasoning(running)[1:]] == ["q", "t", "{}", "r"]
    answered = [
        *first,
        {"role": "assistant", field: "t2", "content": "a"},
        {"role": "user", "content": "q2"},
    ]
    kept = without_old_reasoning(from_chat(answered))
    assert [m.text for m in kept[1:]] == ["q", "{}", "r", "a", "q2"]
