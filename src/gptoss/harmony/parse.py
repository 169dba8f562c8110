"""Sampled token ids -> messages and events. Total: never raises, keeps all text, reports what it had to assume."""

from __future__ import annotations

from collections.abc import Iterable

from gptoss.harmony.events import (
    ContentDelta,
    Event,
    PreambleDelta,
    ReasoningDelta,
    Repair,
    ToolCallDelta,
)
from gptoss.harmony.header import Header, Segment, interpret
from gptoss.harmony.messages import Channel, Message, Role
from gptoss.tokenizer import Tokenizer

# A header is a few words; longer text without `<|message|>` is an answer whose header is missing.
MAX_HEADER_CHARACTERS = 160

_ENDS = ("end", "return", "call")
_DELTAS: dict[Channel, type[ReasoningDelta | PreambleDelta | ContentDelta]] = {
    Channel.ANALYSIS: ReasoningDelta,
    Channel.COMMENTARY: PreambleDelta,
    Channel.FINAL: ContentDelta,
}


class Parser:
    """Reads one assistant turn, from after `<|start|>assistant` on, token by token.

    `feed` gives the events of each token, `finish` the messages and repairs of the turn. Messages that the model
    invents for others (a user, a tool) are kept as such and give no events.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Raises TokenizerError if the vocabulary lacks harmony's special tokens."""
        names = ("start", "end", "message", "channel", "constrain", "return", "call")
        self._markers = {tokenizer.special_id(f"<|{name}|>"): name for name in names}
        self._specials = tokenizer.special_ids
        self._tokenizer = tokenizer
        self._detokenizer = tokenizer.detokenizer()
        self._messages: list[Message] = []
        self._repairs: list[Repair] = []
        # Of the header being read; its last segment's text is still growing.
        self._segments: list[Segment] = []
        self._marker = "start"
        self._text: list[str] = []
        self._num_characters = 0
        # Of the message being read; None while in a header or between messages.
        self._header: Header | None = None
        self._is_between = False

    @property
    def is_reasoning(self) -> bool:
        """Whether the last token belongs to the chain of thought."""
        return (
            self._header is not None
            and self._header.channel is Channel.ANALYSIS
            and self._header.role is Role.ASSISTANT
            and self._header.recipient is None
        )

    def feed(self, token_id: int) -> list[Event]:
        """The events of one more token."""
        marker = self._markers.get(token_id)
        if marker is None and token_id in self._specials:
            return self._ignore(self._tokenizer.decode([token_id]))
        if marker is None:
            return self._read_text(self._detokenizer.feed(token_id))
        held = self._read_text(self._detokenizer.finish())
        return held + self._read_marker(marker)

    def feed_all(self, token_ids: Iterable[int]) -> list[Event]:
        """The events of several tokens."""
        return [event for token_id in token_ids for event in self.feed(token_id)]

    def close(self) -> list[Event]:
        """The events of what is still open when the tokens end; the next token would begin a new message."""
        events = self._read_text(self._detokenizer.finish())
        if self._header is not None:
            self._close_message()
        elif any(segment.text.strip() for segment in self._pending_segments()):
            events += self._close_header()
        self._reset_header()
        self._is_between = True
        return events

    def finish(self) -> tuple[list[Message], list[Repair]]:
        """Close what is open; the messages of the turn and every repair."""
        self.close()
        return self._messages, self._repairs

    def _read_text(self, text: str) -> list[Event]:
        if not text:
            return []
        self._text.append(text)
        if self._header is not None:
            return self._delta(self._header, text)
        self._num_characters += len(text)
        if self._num_characters > MAX_HEADER_CHARACTERS:
            return self._take_header_as_content()
        return []

    def _read_marker(self, marker: str) -> list[Event]:
        if self._header is not None:
            return self._read_marker_in_content(marker)
        if marker == "message":
            return self._open_message()
        if marker in _ENDS:
            return self._end_in_header(marker)
        events: list[Event] = []
        if marker == "start" and any(segment.text.strip() for segment in self._pending_segments()):
            events = self._close_header()
        elif marker == "start" and not self._is_between:
            events = self._repair("<|start|> in a header", "a new message")
        elif marker != "start" and self._is_between:
            events = self._repair(f"<|{marker}|> without <|start|>", "a new message")
        if marker == "start":
            self._reset_header()
        else:
            self._segments = self._pending_segments()
            self._text.clear()
            self._marker = marker
        self._is_between = False
        return events

    def _read_marker_in_content(self, marker: str) -> list[Event]:
        if marker in _ENDS:
            self._close_message()
            self._is_between = True
            return []
        if marker in ("message", "constrain"):
            return self._ignore(f"<|{marker}|>")
        events = self._repair(f"<|{marker}|> in content", "the message ends there")
        self._close_message()
        self._is_between = True
        if marker == "channel":
            self._is_between = False
        return events + self._read_marker(marker)

    def _end_in_header(self, marker: str) -> list[Event]:
        events: list[Event] = []
        if any(segment.text.strip() for segment in self._pending_segments()):
            events = self._close_header()
        elif not self._is_between:
            events = self._repair(f"<|{marker}|> in an empty header", "no message")
        self._reset_header()
        self._is_between = True
        return events

    def _open_message(self) -> list[Event]:
        if self._is_between and not self._pending_text().strip():
            events = self._repair("<|message|> without a header", "more of the answer")
        elif self._is_between:
            events = self._repair("a header without <|start|>", "a new message")
        else:
            events = []
        segments = self._pending_segments()
        header, assumed = interpret(segments)
        for assumption in assumed:
            events += self._repair(f"the header {_spelling(segments)!r}", assumption)
        self._reset_header()
        self._is_between = False
        self._header = header
        if _is_call(header):
            events += self._delta(header, "")
        return events

    def _close_header(self) -> list[Event]:
        """A header that never came to `<|message|>`: with a marker it is cut short, without one it was content."""
        segments = self._pending_segments()
        if all(segment.marker == "start" for segment in segments):
            events = self._take_header_as_content()
            self._close_message()
            return events
        header, _ = interpret(segments)
        events = self._repair(
            f"the header {_spelling(segments)!r} without <|message|>", "an empty message"
        )
        self._reset_header()
        self._header = header
        self._close_message()
        return events

    def _take_header_as_content(self) -> list[Event]:
        """Text stood where a header belongs; a channel that it does name is believed."""
        segments = self._pending_segments()
        *earlier, last = segments
        if last.marker == "start":
            header, text = Header(Role.ASSISTANT, Channel.FINAL), last.text
        else:
            first, _, rest = last.text.partition("\n")
            header, _ = interpret([*earlier, Segment(last.marker, first)])
            text = rest if rest else last.text
        events = self._repair(
            f"text without a header: {text[:40]!r}", f"the channel '{header.channel}'"
        )
        self._reset_header()
        self._is_between = False
        self._header = header
        self._text.append(text)
        return events + self._delta(header, text)

    def _close_message(self) -> None:
        header, text = self._header, "".join(self._text)
        assert header is not None
        self._header = None
        self._reset_header()
        message = Message(
            header.role,
            text,
            str(header.channel),
            header.recipient,
            header.content_type,
            header.name,
        )
        self._messages.append(message)

    def _delta(self, header: Header, text: str) -> list[Event]:
        if header.role is not Role.ASSISTANT:
            return []
        if header.recipient is not None:
            return [ToolCallDelta(header.recipient, text)]
        return [_DELTAS[header.channel](text)]

    def _ignore(self, spelling: str) -> list[Event]:
        held = self._read_text(self._detokenizer.finish())
        return held + self._repair(spelling, "nothing: it has no meaning there")

    def _repair(self, seen: str, assumed: str) -> list[Event]:
        repair = Repair(seen, assumed)
        self._repairs.append(repair)
        return [repair]

    def _pending_text(self) -> str:
        return "".join(self._text)

    def _pending_segments(self) -> list[Segment]:
        return [*self._segments, Segment(self._marker, self._pending_text())]

    def _reset_header(self) -> None:
        self._segments = []
        self._marker = "start"
        self._text.clear()
        self._num_characters = 0


def _is_call(header: Header) -> bool:
    return header.role is Role.ASSISTANT and header.recipient is not None


def _spelling(segments: list[Segment]) -> str:
    first, *rest = segments
    return first.text + "".join(f"<|{segment.marker}|>{segment.text}" for segment in rest)
