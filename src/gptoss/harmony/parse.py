"""Sampled token ids -> messages and events. Total: never raises, keeps all text, reports what it had to assume."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from gptoss.harmony.events import (
    ContentDelta,
    Event,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    Repair,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.harmony.header import Header, Stretch, interpret, known_role, spelling
from gptoss.harmony.messages import Message
from gptoss.harmony.names import Channel, Marker, Role
from gptoss.harmony.unfinished import PendingHeader, Recovered, overflow, recover
from gptoss.tokenizer import Tokenizer

# A header is a few words; longer text without `<|message|>` is content whose header is missing or cut short.
MAX_HEADER_CHARACTERS = 256
# Longer text where a role belongs is no role but something said.
_LONGEST_ROLE_CHARACTERS, _LONGEST_ROLE_WORDS = 40, 2

_ENDS = (Marker.END, Marker.RETURN, Marker.CALL, Marker.END_OF_TEXT)
_FINAL = Header(Role.ASSISTANT, Channel.FINAL)
_DELTAS: dict[str | None, type[TextDelta]] = {
    Channel.ANALYSIS: ReasoningDelta,
    Channel.COMMENTARY: PreambleDelta,
}


class Parser:
    """Reads what the model writes, token by token.

    `feed` gives the events of each token, `finish` the messages and repairs of all. All text is kept: it is in a
    message's content, or a word that its header says, or, word for word, in what a repair has `seen`. Messages that the
    model invents for others (a user, a tool) are kept as such and give no events.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        role: Role | None = Role.ASSISTANT,
        recipients: Collection[str] = (),
    ) -> None:
        """By default for one assistant turn, from after `<|start|>assistant` on.

        role        whose header the prompt has opened, the assistant's; None: the ids are a whole conversation
        recipients  the declared tools, as calls address them (`declared_recipients`); with them, a name that lacks its
                    `functions.` or has something glued to it is put right

        Raises TokenizerError if the vocabulary lacks harmony's special tokens.
        """
        self._markers = {tokenizer.special_id(marker): marker for marker in Marker}
        self._specials = tokenizer.special_ids
        self._tokenizer = tokenizer
        self._detokenizer = tokenizer.detokenizer()
        self._recipients = recipients
        self._is_conversation = role is None
        self._messages: list[Message] = []
        self._repairs: list[Repair] = []
        self._num_calls = 0
        is_opened = role is not None
        self._pending = PendingHeader(is_opened=is_opened, is_begun=is_opened)
        # Of the message being read, None while in a header; and what its text becomes, None: no events.
        self._header: Header | None = None
        self._text: list[str] = []
        self._delta: Callable[[str], Event] | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """Those that are finished so far."""
        return tuple(self._messages)

    @property
    def is_reasoning(self) -> bool:
        """Whether the last token belongs to the chain of thought."""
        return self._delta is ReasoningDelta

    @property
    def is_saying(self) -> bool:
        """Whether the last token belongs to what is said to the user: the answer, or what stands before calls."""
        return self._delta is ContentDelta or self._delta is PreambleDelta

    def feed(self, token_id: int) -> list[Event]:
        """The events of one more token."""
        if token_id in self._specials:
            return self._read_special(token_id)
        text = self._detokenizer.feed(token_id)
        return self._read_text(text) if text else []

    def feed_all(self, token_ids: Iterable[int]) -> list[Event]:
        """The events of several tokens."""
        feed = self.feed
        return [event for token_id in token_ids for event in feed(token_id)]

    def close(self) -> list[Event]:
        """The events of what is still open when the tokens end; the next token would begin a new message."""
        events = self._flush()
        if self._header is not None:
            return events + self._close_message(is_complete=False)
        pending = self._pending
        if not pending.is_empty or (pending.is_begun and not pending.is_opened):
            events += self._recover(None)
        self._begin()
        return events

    def finish(self) -> tuple[list[Message], list[Repair]]:
        """Close what is open; the messages and every repair."""
        self.close()
        return self._messages, self._repairs

    def _read_text(self, text: str) -> list[Event]:
        if self._header is not None:
            self._text.append(text)
            return [self._delta(text)] if self._delta is not None else []
        self._pending.add_text(text)
        if self._pending.num_characters <= MAX_HEADER_CHARACTERS:
            return []
        return self._open_recovered(overflow(self._pending, self._recipients))

    def _flush(self) -> list[Event]:
        held = self._detokenizer.finish()
        return self._read_text(held) if held else []

    def _read_special(self, token_id: int) -> list[Event]:
        events = self._flush()
        marker = self._markers.get(token_id)
        if marker is None:
            return events + self._ignore(self._tokenizer.decode([token_id]))
        if self._header is not None:
            return events + self._read_marker_in_content(marker, self._header)
        if marker is Marker.MESSAGE:
            return events + self._open_message()
        if marker is Marker.START or marker in _ENDS:
            return events + self._read_marker_after_header(marker)
        return events if self._pending.add_marker(marker) else events + self._ignore(marker)

    def _read_marker_in_content(self, marker: Marker, header: Header) -> list[Event]:
        if marker in (Marker.MESSAGE, Marker.CONSTRAIN):
            return self._ignore(marker)
        events = self._close_message()
        if marker is Marker.END_OF_TEXT:
            events += self._repair(marker, "the message ends there")
        if marker in _ENDS:
            return events
        self._begin(is_begun=True, interrupted=header)
        if marker is Marker.CHANNEL:
            self._pending.add_marker(marker)
        return events + self._repair(f"{marker} in content", "the message ends there")

    def _read_marker_after_header(self, marker: Marker) -> list[Event]:
        """Where a header has not come to `<|message|>`, or nothing has come since the last message."""
        is_start = marker is Marker.START
        events: list[Event] = []
        if not self._pending.is_empty:
            events = self._recover(marker)
        elif self._pending.is_begun or not is_start:
            events = self._ignore(marker)
        self._begin(is_begun=is_start)
        return events

    def _open_message(self) -> list[Event]:
        pending, stretches = self._pending, self._pending.stretches()
        if pending.is_bare and not pending.is_begun and not stretches[0].text.strip():
            seen = f"{stretches[0].text}{Marker.MESSAGE} without a header"
            return self._repair(seen, "more of the answer") + self._open(_FINAL)
        events: list[Event] = []
        if self._is_said(stretches[0].text):
            events = self._say(stretches[0].text)
            stretches[0] = Stretch(Marker.START, "")
        header, assumed = interpret(stretches, self._recipients, is_opened=pending.is_opened)
        if not pending.is_begun:
            assumed.append("a new message")
        if header.role is not Role.ASSISTANT and not self._is_conversation:
            assumed.append(f"a message of the {header.role}, kept and not shown")
        if assumed:
            events += self._repair(f"the header {spelling(stretches)}", "; ".join(assumed))
        return events + self._open(header)

    def _is_said(self, text: str) -> bool:
        """Whether text before a channel is too long for a role."""
        words = text.split()
        if not words or known_role(words[0], self._recipients) is not None:
            return False
        return len(words) > _LONGEST_ROLE_WORDS or len(text) > _LONGEST_ROLE_CHARACTERS

    def _say(self, text: str) -> list[Event]:
        """A whole message without a header."""
        events = self._repair(f"text without a header: {text}", "a message to the user")
        events += self._open(_FINAL) + self._read_text(text)
        return events + self._close_message()

    def _recover(self, end: Marker | None) -> list[Event]:
        events = self._open_recovered(recover(self._pending, self._recipients, end=end))
        if self._header is not None:
            events += self._close_message(is_complete=end is not None)
        return events

    def _open_recovered(self, recovered: Recovered) -> list[Event]:
        seen = f"{spelling(self._pending.stretches())} without {Marker.MESSAGE}"
        events = self._repair(seen, recovered.assumed)
        if recovered.header is None:
            return events
        events += self._open(recovered.header)
        return events + (self._read_text(recovered.content) if recovered.content else [])

    def _begin(self, *, is_begun: bool = False, interrupted: Header | None = None) -> None:
        self._pending = PendingHeader(is_begun=is_begun, interrupted=interrupted)

    def _open(self, header: Header) -> list[Event]:
        self._header = header
        self._text = []
        if header.role is not Role.ASSISTANT:
            self._delta = None
            return []
        if header.recipient is None:
            self._delta = _DELTAS.get(header.channel, ContentDelta)
            return []
        index = self._num_calls
        self._num_calls += 1
        self._delta = lambda text: ToolCallDelta(index, text)
        return [ToolCallStarted(index, header.recipient)]

    def _close_message(self, *, is_complete: bool = True) -> list[Event]:
        header = self._header
        assert header is not None
        message = Message(
            header.role,
            "".join(self._text),
            header.channel,
            header.recipient,
            header.content_type,
            header.name,
        )
        self._messages.append(message)
        self._header = self._delta = None
        self._begin()
        if header.is_call:
            return [ToolCallFinished(self._num_calls - 1, is_complete)]
        return [MessageFinished(is_complete)] if header.role is Role.ASSISTANT else []

    def _ignore(self, spelled: str) -> list[Event]:
        return self._repair(spelled, "nothing: it has no meaning there")

    def _repair(self, seen: str, assumed: str) -> list[Event]:
        repair = Repair(seen, assumed)
        self._repairs.append(repair)
        return [repair]
