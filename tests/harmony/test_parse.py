"""The streaming parser: what the model should write, and whatever else it may."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss import harmony
from gptoss.errors import TokenizerError
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
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.harmony.names import Marker
from gptoss.nano import checkpoint_path
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.vocabulary import Vocabulary
from tests import o200k
from tests.harmony import accounts, strategies, transcripts
from tests.levels import examples

TOKENIZER = o200k.tokenizer()
FINAL = "<|channel|>final<|message|>"


def parse(markup: str, **options: Any) -> tuple[list[Message], list[Repair], list[Event]]:
    parser = Parser(TOKENIZER, **options)
    events = parser.feed_all(o200k.ids_of(markup)) + parser.close()
    messages, repairs = parser.finish()
    assert repairs == [event for event in events if isinstance(event, Repair)]
    return messages, repairs, events


def joined(events: list[Event], kind: type[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


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
    assert events[0] == ToolCallStarted(0, "functions.f")
    assert events[-1] == ToolCallFinished(0, is_complete=True)
    assert joined(events[1:-1], ToolCallDelta) == '{"a":1}'


def test_calls_are_counted_and_one_cut_short_says_so() -> None:
    call = '<|channel|>commentary to=functions.f<|message|>{"a"'
    _, _, events = parse(f"{call}:1}}<|call|><|start|>assistant{call}")
    assert [e.index for e in events if isinstance(e, ToolCallStarted)] == [0, 1]
    assert {e.index for e in events if isinstance(e, ToolCallDelta)} == {0, 1}
    finished = [e for e in events if isinstance(e, ToolCallFinished)]
    assert finished == [ToolCallFinished(0, True), ToolCallFinished(1, False)]


def test_preamble() -> None:
    messages, repairs, events = parse("<|channel|>commentary<|message|>Let me look.<|end|>")
    assert messages == [Message(Role.ASSISTANT, "Let me look.", "commentary")]
    assert repairs == []
    assert joined(events, PreambleDelta) == "Let me look."


def test_json_answer_is_no_call_of_a_tool() -> None:
    messages, repairs, _ = parse("<|channel|>final <|constrain|>json<|message|>{}<|return|>")
    assert messages == [Message(Role.ASSISTANT, "{}", "final", None, "<|constrain|>json")]
    assert repairs == []


def test_repairs_say_what_was_seen_and_assumed() -> None:
    _, repairs, _ = parse("<|channel|>final??<|message|>Hi<|return|>")
    assert repairs == [Repair("the header <|channel|>final??", "the channel 'final'")]


def test_invented_turn_of_the_user_is_kept_and_not_shown() -> None:
    messages, repairs, events = parse(FINAL + "Hi<|end|><|start|>user<|message|>And now?<|end|>")
    assert messages[1] == Message(Role.USER, "And now?")
    assert joined(events, ContentDelta) == "Hi"
    assert "a message of the user" in repairs[0].assumed


def test_long_text_without_a_header_streams() -> None:
    parser = Parser(TOKENIZER)
    events = [event for token in TOKENIZER.encode("word " * 100) for event in parser.feed(token)]
    assert len([event for event in events if isinstance(event, ContentDelta)]) > 40
    assert parser.finish()[0] == [Message(Role.ASSISTANT, "word " * 100, "final")]


def test_half_a_character_waits_for_the_rest() -> None:
    parser = Parser(TOKENIZER)
    parser.feed_all(o200k.ids_of(FINAL))
    byte = {value: o200k.ranks()[bytes([value])] for value in "😊".encode()}
    events = [parser.feed(byte[value]) for value in "😊".encode()]
    assert events == [[], [], [], [ContentDelta("😊")]]


def test_declared_tools_put_names_right() -> None:
    declared = {"functions.get_weather", "python"}

    def recipient(written: str) -> str | None:
        markup = f"<|channel|>commentary to={written}<|message|>{{}}<|call|>"
        return parse(markup, recipients=declared)[0][0].recipient

    assert recipient("get_weather") == "functions.get_weather"
    assert recipient("functions.get_weatherjson") == "functions.get_weather"
    assert recipient("get_weathercommentary") == "functions.get_weather"
    assert recipient("functions.other") == "functions.other"


def test_is_reasoning_follows_the_stream() -> None:
    parser = Parser(TOKENIZER)
    ids = o200k.ids_of("<|channel|>analysis<|message|>Hm, well<|end|>" + FINAL + "Hi")
    seen = [(parser.feed(token_id), parser.is_reasoning)[1] for token_id in ids]
    assert seen == [False] * 2 + [True] * 4 + [False] * 5


def test_vocabulary_without_markers_is_refused() -> None:
    with pytest.raises(TokenizerError, match="no special token"):
        Parser(Tokenizer(Vocabulary(o200k.ranks(), {}, o200k.PATTERN)))


PIECES = st.one_of(
    st.sampled_from([*Marker, "<|reserved_200013|>"]),
    st.sampled_from(
        ["assistant", "analysis", "final", "commentary", " to=functions.f", " json", "user", "??"]
    ),
    st.sampled_from(["functions.f", " to=", "analysis thinking", ' {"a": 1}', " ", "\n"]),
    st.text(st.characters(exclude_characters="<|>\ufffd", exclude_categories=["Cs"]), max_size=20),
    st.text("abc ", min_size=30, max_size=300),
)


@settings(max_examples=examples(1000))
@given(st.lists(PIECES, max_size=14), st.sampled_from([Role.ASSISTANT, None]))
def test_all_text_is_kept(pieces: list[str], role: Role | None) -> None:
    markup = "".join(pieces)
    accounts.check(o200k.ids_of(markup), TOKENIZER, role=role)


@settings(max_examples=examples(300))
@given(st.lists(st.integers(0, o200k.VOCAB_SIZE + 100), max_size=60))
def test_any_ids_at_all(ids: list[int]) -> None:
    accounts.check(ids, TOKENIZER)


@pytest.mark.slow
def test_a_million_random_streams() -> None:
    """Markers, header words, text and any ids, in every order, with nano's vocabulary, whose ids are few."""
    generator = random.Random(3)
    tokenizer = Tokenizer.from_directory(checkpoint_path())
    markers = [tokenizer.special_id(marker) for marker in Marker]
    words = [tokenizer.encode(word) for word in WORDS]
    for _ in range(1_000_000):
        ids: list[int] = []
        for _ in range(generator.randrange(1, 12)):
            match generator.randrange(4):
                case 0 | 1:
                    ids.append(generator.choice(markers))
                case 2:
                    ids += generator.choice(words)
                case _:
                    ids.append(generator.randrange(tokenizer.vocab_size + 2))
        accounts.check(ids, tokenizer)


WORDS = [
    "assistant",
    "analysis",
    "commentary",
    "final",
    " to=functions.f",
    " json",
    "user",
    "The answer is 4.",
    ' {"a": 1}',
    " ",
]


class TestTruncation:
    """Twenty transcripts, cut at every token."""

    TRANSCRIPTS = transcripts.TRANSCRIPTS

    def test_there_are_twenty(self) -> None:
        assert len(set(self.TRANSCRIPTS)) == 20

    @pytest.mark.parametrize("markup", TRANSCRIPTS)
    def test_nothing_is_lost_and_no_tool_is_called_by_half_a_header(self, markup: str) -> None:
        ids = o200k.ids_of(markup)
        whole, repairs, _ = parse(markup)
        assert repairs == []
        for length in range(len(ids)):
            messages, _ = accounts.check(ids[:length], TOKENIZER)
            assert len(messages) <= len(whole)
            for cut, full in zip(messages, whole, strict=False):
                assert (cut.channel, cut.recipient, cut.role) == (
                    full.channel,
                    full.recipient,
                    full.role,
                )
                assert full.text.startswith(cut.text.removesuffix("\ufffd"))


@st.composite
def assistant_messages(draw: st.DrawFn) -> Message:
    text = draw(strategies.TEXT.filter(lambda text: "\ufffd" not in text))
    recipient = draw(st.sampled_from([None, "functions.f", "python", "browser.search"]))
    return Message(
        Role.ASSISTANT,
        text,
        draw(strategies.CHANNELS),
        recipient,
        draw(strategies.CONTENT_TYPES),
    )


@st.composite
def other_messages(draw: st.DrawFn) -> Message:
    text = draw(strategies.TEXT.filter(lambda text: "\ufffd" not in text))
    role = draw(st.sampled_from([Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.TOOL]))
    if role is Role.TOOL:
        name = draw(st.sampled_from(["functions.f", "python", "browser.open"]))
        channel = draw(st.sampled_from(["analysis", "commentary"]))
        return Message(role, text, channel, "assistant", name=name)
    return Message(role, text, name=draw(st.none() | st.just("Ann")))


@settings(max_examples=examples(300))
@given(st.lists(assistant_messages() | other_messages(), max_size=6), st.data())
def test_reads_what_the_renderer_writes_fed_in_any_split(
    conversation: list[Message], data: st.DataObject
) -> None:
    ids = [
        token_id
        for segment in harmony.render_for_training(conversation, TOKENIZER, keep_reasoning=True)
        for token_id in segment.token_ids
    ]
    parser = Parser(TOKENIZER, role=None)
    while ids:
        size = data.draw(st.integers(1, len(ids)))
        parser.feed_all(ids[:size])
        ids = ids[size:]
    assert parser.finish() == (conversation, [])
