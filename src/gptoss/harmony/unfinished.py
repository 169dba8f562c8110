"""Headers that never came to `<|message|>`: content straight after them, answers without any, or cut short."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gptoss.harmony.header import (
    CONTENT_TYPES,
    GLUED,
    Header,
    Stretch,
    interpret,
    known_channel,
    known_role,
)
from gptoss.harmony.names import Channel, Marker, Role

# More stretches in one header are only counted, so that no stream of markers costs more than its length.
MAX_STRETCHES = 8

_WORD = re.compile(r"\s*(\S+)")
_RECIPIENT = re.compile(r"\s*to=\s*\S+")
# A content type before content: alone, or where JSON follows.
_TYPE = re.compile(rf"\s*(?:{'|'.join(CONTENT_TYPES)})(?=\s*(?:[{{\[]|$))")
# What at the end of all tokens may be the beginning of a channel, a tool or a content type.
_PARTIAL = re.compile(r"\s*[\w.=-]*\s*")
_LONGEST_JUNK = 8
# Markers after which the turn goes on.
_MORE_FOLLOWS = (Marker.END, Marker.START)
_PARTIAL_RECIPIENT = re.compile(r"\s*(?:to?|to=)\s*")


@dataclass(slots=True)
class PendingHeader:
    """A header that is being read.

    is_opened    whether the prompt opened it with `<|start|>assistant`
    is_begun     whether the prompt or `<|start|>` began it
    interrupted  whose content it broke off
    """

    is_opened: bool = False
    is_begun: bool = False
    interrupted: Header | None = None
    num_characters: int = 0
    _earlier: list[Stretch] = field(default_factory=list)
    _marker: Marker = Marker.START
    _text: list[str] = field(default_factory=list)

    def add_text(self, text: str) -> None:
        """More of the last stretch."""
        self._text.append(text)
        self.num_characters += len(text)

    def add_marker(self, marker: Marker) -> bool:
        """Begin a stretch; whether there is room for it."""
        if len(self._earlier) >= MAX_STRETCHES:
            return False
        self._earlier = self.stretches()
        self._marker = marker
        self._text = []
        return True

    def stretches(self) -> list[Stretch]:
        """What there is of it; the first is the role's."""
        return [*self._earlier, Stretch(self._marker, "".join(self._text))]

    @property
    def is_bare(self) -> bool:
        """Whether no channel or content type has been marked."""
        return not self._earlier

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it has come."""
        return self.is_bare and self.num_characters == 0


@dataclass(frozen=True, slots=True)
class Recovered:
    """What an unfinished header is taken for; no header: nothing but what was seen."""

    header: Header | None
    content: str
    assumed: str


def recover(
    pending: PendingHeader, recipients: Collection[str] = (), *, end: Marker | None = None
) -> Recovered:
    """The most sensible reading.

    `end` is the marker that closed it; None: all tokens ended here, so that the last word may be half a word. Text that
    names no channel is the answer, unless more follows: then it is a preamble.
    """
    stretches, content = _split(pending.stretches(), recipients)
    default = Channel.COMMENTARY if end in _MORE_FOLLOWS else Channel.FINAL
    is_cut, is_junk = end is None, end in _MORE_FOLLOWS and _is_junk(content)
    if pending.is_bare and _says_nothing(stretches):
        partial = _PARTIAL if pending.is_begun and not pending.is_opened else _PARTIAL_RECIPIENT
        if not content.strip() or is_junk or (is_cut and partial.fullmatch(content)):
            return Recovered(None, "", "no message")
        header = pending.interrupted or Header(Role.ASSISTANT, default)
        return Recovered(header, content, "its content")
    if pending.interrupted is not None and _says_nothing(stretches):
        is_nothing = not content.strip()
        header_or_none = None if is_nothing else pending.interrupted
        return Recovered(
            header_or_none, content, "no message" if is_nothing else "more of the content"
        )
    header, assumed = interpret(stretches, recipients, is_opened=pending.is_opened, default=default)
    if not content.strip():
        is_over = not is_cut and end not in _MORE_FOLLOWS
        is_message = is_over and (not pending.is_bare or header.is_call)
        return Recovered(header if is_message else None, "", "; ".join([*assumed, "no content"]))
    partial = _PARTIAL_RECIPIENT if pending.is_bare else _PARTIAL
    if (is_cut and partial.fullmatch(content)) or (is_junk and not header.is_call):
        return Recovered(None, "", "no message")
    return Recovered(header, content, "; ".join([*assumed, "content after the header"]))


def _is_junk(content: str) -> bool:
    """A channel's bare name, or a few marks such as `??`: at temperature 1 they sometimes stand before a header."""
    text = content.strip()
    if text in tuple(Channel):
        return True
    return len(text) <= _LONGEST_JUNK and not any(c.isalnum() or c in "{[" for c in text)


def overflow(pending: PendingHeader, recipients: Collection[str] = ()) -> Recovered:
    """The reading of a header that grows without end: its content has begun."""
    recovered = recover(pending, recipients, end=Marker.RETURN)
    if recovered.header is not None and recovered.content:
        return recovered
    *earlier, last = pending.stretches()
    header, assumed = interpret(
        [*earlier, Stretch(last.marker, "")], recipients, is_opened=pending.is_opened
    )
    return Recovered(header, last.text, "; ".join([*assumed, "content after the header"]))


def _says_nothing(stretches: Sequence[Stretch]) -> bool:
    return not any(stretch.text.strip() for stretch in stretches)


def _split(stretches: Sequence[Stretch], recipients: Collection[str]) -> tuple[list[Stretch], str]:
    """The header, and the content written straight after it."""
    *earlier, last = stretches
    at = _header_length(last, recipients)
    head, content = last.text[:at], last.text[at:]
    return [*earlier, Stretch(last.marker, head)], content.removeprefix(" ") if head else content


def _header_length(stretch: Stretch, recipients: Collection[str]) -> int:
    """Where in its text the words end that belong to a header."""
    text = stretch.text
    at, word = 0, _WORD.match(text)
    if word is None:
        return 0
    match stretch.marker:
        case Marker.CONSTRAIN:
            at = word.end()
        case Marker.CHANNEL:
            at = word.start(1) + _channel_length(word[1]) if _channel_length(word[1]) else 0
        case _:
            at = word.end() if known_role(word[1], recipients) is not None else 0
    while recipient := _RECIPIENT.match(text, at):
        at = recipient.end()
    if at and stretch.marker is Marker.CHANNEL and (kind := _TYPE.match(text, at)):
        at = kind.end()
    return at


def _channel_length(word: str) -> int:
    """How much of a word names a channel, if it is not merely the beginning of another word."""
    channel = known_channel(word)
    if channel is None:
        return 0
    rest = word[len(channel) :]
    if rest in GLUED:
        return len(word)
    is_apart = not rest[:1].isalnum() or rest.startswith("to=")
    return len(channel) if is_apart else 0
