"""The streaming parser: what the model should write, and whatever else it may."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss import harmony
from gptoss.harmony import (
    ContentDelta,
    Event,
    Message,
    Parser,
    PreambleDelta,
    ReasoningDelta,
    Repair,
    Role,
    ToolCallDelta,
)
from tests import o200k

TOKENIZER = o200k.tokenizer()
MARKERS = ("start", "end", "message", "channel", "constrain", "return", "call")


def ids_of(markup: str) -> list[int]:
    """Token ids of text in which the spellings of special tokens stand for those tokens."""
    ids: list[int] = []
    for piece in re.split(r"(<\|\w+\|>)", markup):
        is_special = piece in o200k.specials()
        ids += [o200k.specials()[piece]] if is_special else TOKENIZER.encode(piece)
    return ids


def parse(markup: str) -> tuple[list[Message], list[Repair], list[Event]]:
    parser = Parser(TOKENIZER)
    events = parser.feed_all(ids_of(markup)) + parser.close()
    messages, repairs = parser.finish()
    return messages, repairs, events


def joined(events: list[Event], kind: type[Event]) -> str:
    return "".join(
        event.text for event in events if isinstance(event, kind) and not isinstance(event, Repair)
    )


def test_reasoning_then_answer() -> None:
    messages, repairs, events = parse(
        "<|channel|>analysis<|message|>Hm.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>Hello.<|return|>"
    )
    assert messages == [
        Message(Role.ASSISTANT, "Hm.", "analysis"),
        Message(Role.ASSISTANT, "Hello.", "final"),
    ]
    assert repairs == []
    assert joined(events, ReasoningDelta) == "Hm."
    assert joined(events, ContentDelta) == "Hello."


@pytest.mark.parametrize(
    "header",
    [
        " to=functions.f<|channel|>commentary <|constrain|>json",
        "<|channel|>commentary to=functions.f <|constrain|>json",
    ],
)
def test_tool_call_with_the_recipient_in_either_place(header: str) -> None:
    messages, repairs, events = parse(header + '<|message|>{"a":1}<|call|>')
    call = Message(Role.ASSISTANT, '{"a":1}', "commentary", "functions.f", "<|constrain|>json")
    assert messages == [call]
    assert repairs == []
    assert events[0] == ToolCallDelta("functions.f", "")
    assert joined(events, ToolCallDelta) == '{"a":1}'


def test_preamble() -> None:
    messages, repairs, events = parse("<|channel|>commentary<|message|>Let me look.<|end|>")
    assert messages == [Message(Role.ASSISTANT, "Let me look.", "commentary")]
    assert repairs == []
    assert joined(events, PreambleDelta) == "Let me look."


FINAL = "<|channel|>final<|message|>"
# What was sampled -> the messages as (channel, recipient, text); each is a repair.
FAULTS = {
    "<|channel|>final <|constrain|>json<|message|>{}<|return|>": None,
    "<|message|>Hi<|return|>": [("final", None, "Hi")],
    "Hi there<|return|>": [("final", None, "Hi there")],
    "Hi there": [("final", None, "Hi there")],
    "<|channel|><|message|>Hi<|return|>": [("final", None, "Hi")],
    "<|channel|>final??<|message|>Hi<|return|>": [("final", None, "Hi")],
    "<|channel|>finalfinal<|message|>Hi<|return|>": [("final", None, "Hi")],
    "<|channel|>thoughts<|message|>Hi<|return|>": [("final", None, "Hi")],
    "<|start|><|start|>assistant" + FINAL + "Hi<|return|>": [("final", None, "Hi")],
    "<|channel|>analysis<|channel|>final<|message|>Hi<|return|>": [("final", None, "Hi")],
    "<|channel|>analysis<|message|>A<|end|>assistant" + FINAL + "Hi<|return|>": [
        ("analysis", None, "A"),
        ("final", None, "Hi"),
    ],
    "<|channel|>analysis<|message|>A<|end|>" + FINAL + "Hi<|return|>": [
        ("analysis", None, "A"),
        ("final", None, "Hi"),
    ],
    "<|channel|>analysis<|message|>A<|start|>assistant" + FINAL + "Hi<|return|>": [
        ("analysis", None, "A"),
        ("final", None, "Hi"),
    ],
    "<|channel|>analysis<|message|>A" + FINAL + "Hi<|return|>": [
        ("analysis", None, "A"),
        ("final", None, "Hi"),
    ],
    FINAL + "Hi<|return|> more": [("final", None, "Hi"), ("final", None, " more")],
    FINAL + "Hi<|message|> you<|return|>": [("final", None, "Hi you")],
    FINAL + "Hi<|reserved_200013|> you<|return|>": [("final", None, "Hi you")],
    "<|channel|>ana": [("final", None, "")],
    "<|start|>robot" + FINAL + "Hi<|return|>": [("final", None, "Hi")],
    "<|channel|>commentary to=functions.f json and more<|message|>{}<|call|>": [
        ("commentary", "functions.f", "{}")
    ],
}


@pytest.mark.parametrize("markup", FAULTS)
def test_sensible_reading_of_a_fault(markup: str) -> None:
    messages, repairs, _ = parse(markup)
    expected = FAULTS[markup]
    if expected is None:
        assert messages == [Message(Role.ASSISTANT, "{}", "final", None, "<|constrain|>json")]
        assert repairs == []
        return
    found = [(message.channel, message.recipient, message.text) for message in messages]
    assert found == expected
    assert repairs


def test_invented_turn_of_the_user_is_kept_and_not_shown() -> None:
    messages, _, events = parse(FINAL + "Hi<|end|><|start|>user<|message|>And now?<|end|>")
    assert [message.role for message in messages] == [Role.ASSISTANT, Role.USER]
    assert joined(events, ContentDelta) == "Hi"


def test_long_text_without_a_header_streams() -> None:
    parser = Parser(TOKENIZER)
    events = [event for token in TOKENIZER.encode("word " * 100) for event in parser.feed(token)]
    assert len([event for event in events if isinstance(event, ContentDelta)]) > 50
    assert parser.finish()[0] == [Message(Role.ASSISTANT, "word " * 100, "final")]


def test_invalid_utf8_becomes_replacement_characters() -> None:
    parser = Parser(TOKENIZER)
    lone = o200k.ranks()[b"\xe4"]
    parser.feed_all([*ids_of(FINAL), lone, *ids_of("<|return|>")])
    assert parser.finish()[0] == [Message(Role.ASSISTANT, "\ufffd", "final")]


PIECES = st.one_of(
    st.sampled_from([f"<|{name}|>" for name in (*MARKERS, "endoftext", "reserved_200013")]),
    st.sampled_from(
        ["assistant", "analysis", "final", "commentary", " to=functions.f", "json", "user"]
    ),
    st.text(st.characters(exclude_characters="<|>"), max_size=20),
)


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=14))
def test_never_raises_and_never_loses_content(pieces: list[str]) -> None:
    messages, _, events = parse("".join(pieces))
    shown = "".join(event.text for event in events if not isinstance(event, Repair))
    kept = "".join(message.text for message in messages if message.role is Role.ASSISTANT)
    assert shown == kept


@settings(max_examples=200)
@given(st.lists(st.integers(0, o200k.VOCAB_SIZE + 100), max_size=60))
def test_any_ids_at_all(ids: list[int]) -> None:
    parser = Parser(TOKENIZER)
    parser.feed_all(ids)
    parser.finish()


ASSISTANT = st.builds(
    Message,
    st.just(Role.ASSISTANT),
    st.text(max_size=40).filter(lambda text: "\ufffd" not in text),
    st.sampled_from(["analysis", "commentary", "final"]),
    st.sampled_from([None, "functions.f", "python"]),
    st.sampled_from([None, "json", "<|constrain|>json"]),
)


@given(st.lists(ASSISTANT, min_size=1, max_size=4))
def test_reads_what_the_renderer_writes(messages: list[Message]) -> None:
    conversation = [m for m in messages if m.channel != "analysis" or m.recipient]
    if not conversation:
        return
    header = harmony.render([], TOKENIZER)
    ids = harmony.render(conversation, TOKENIZER)
    parser = Parser(TOKENIZER)
    parser.feed_all(ids[len(header) : -len(header)])
    assert parser.finish() == (conversation, [])
