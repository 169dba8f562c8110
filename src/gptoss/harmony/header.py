"""Message headers as the model writes them: total, because sampled text can be anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gptoss.harmony.names import HEADER_WORD, Channel, Marker, Role

_RECIPIENT = re.compile(r"to=\s*(\S+)")
# Glued to a tool's name when a marker or a space before them is left out.
GLUED = ("json", "code", *Channel)
_BUILT_IN = ("functions.", "browser", "python")
# Known among words that mean nothing; alone, any plain word is taken for one.
CONTENT_TYPES = ("json", "code", "text", "markdown")
_PLAIN_TYPE = re.compile(r"(?!(?:analysis|commentary|final)$)[a-z][a-z0-9+./-]*")
# An assistant's message to these is no tool call.
_PEOPLE = ("assistant", "all", "user")


@dataclass(frozen=True, slots=True)
class Header:
    """Whose message it is, on which channel, for whom, of what type."""

    role: Role
    channel: str | None
    recipient: str | None = None
    content_type: str | None = None
    name: str | None = None

    @property
    def is_call(self) -> bool:
        """Whether the assistant calls a tool."""
        return self.role is Role.ASSISTANT and self.recipient is not None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Header text and the special token before it: start, channel or constrain."""

    marker: Marker
    text: str


def spelling(stretches: Sequence[Stretch]) -> str:
    """The header as it was written, without the start that the prompt gave."""
    text = "".join(f"{stretch.marker}{stretch.text}" for stretch in stretches)
    return text.removeprefix(Marker.START)


def interpret(
    stretches: Sequence[Stretch],
    recipients: Collection[str] = (),
    *,
    is_opened: bool = False,
    default: Channel = Channel.FINAL,
) -> tuple[Header, list[str]]:
    """The most sensible reading of a header, and what had to be assumed for it.

    A recipient may stand anywhere; of doubled parts the last that says something counts. `recipients` are the declared
    tools, `is_opened` whether the prompt already named the assistant, `default` the channel of what names none and
    calls nothing.
    """
    reader = _HeaderReader(recipients)
    for stretch in stretches:
        reader.read(stretch)
    return reader.header(default, is_opened=is_opened), reader.assumed


def known_channel(word: str) -> Channel | None:
    """The channel that a word begins with, in any case of letters."""
    return next((channel for channel in Channel if word.lower().startswith(channel)), None)


def known_role(word: str, recipients: Collection[str] = ()) -> tuple[Role, str | None] | None:
    """The role that a header's first word names, and the name in it."""
    role, _, name = word.partition(":")
    if role in (Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT):
        return Role(role), name if HEADER_WORD.fullmatch(name) else None
    if HEADER_WORD.fullmatch(word) and (word in recipients or word.startswith(_BUILT_IN)):
        return Role.TOOL, word
    return None


class _HeaderReader:
    def __init__(self, recipients: Collection[str]) -> None:
        self._declared = recipients
        self._roles: list[str] = []
        self._channel: Channel | None = None
        self._num_channels = 0
        self._recipients: list[str] = []
        self._types: list[str] = []
        self.assumed: list[str] = []

    def read(self, stretch: Stretch) -> None:
        self._recipients += _RECIPIENT.findall(stretch.text)
        words = _RECIPIENT.sub(" ", stretch.text).split()
        match stretch.marker:
            case Marker.CHANNEL:
                self._read_channel(words)
            case Marker.CONSTRAIN:
                if not words:
                    self.assumed.append("no content type")
                self._types += [f"{Marker.CONSTRAIN}{word}" for word in words[:1]]
                self._ignore(words[1:])
            case _:
                self._roles += words

    def header(self, default: Channel, *, is_opened: bool) -> Header:
        role, name = self._role(is_opened=is_opened)
        recipient = self._recipient(role)
        channel: Channel | None = self._channel
        if channel is None and role is Role.ASSISTANT:
            channel = default if recipient is None else Channel.COMMENTARY
            self.assumed.append(f"the channel '{channel}'")
        return Header(role, channel, recipient, self._content_type(), name)

    def _read_channel(self, words: list[str]) -> None:
        self._num_channels += 1
        if self._num_channels > 1:
            self.assumed.append("the last channel")
        channel = known_channel(words[0]) if words else None
        if channel is None:
            self._ignore(words)
            return
        self._channel = channel
        rest = words[1:]
        if words[0] != channel:
            self.assumed.append(f"the channel '{channel}'")
            glued = words[0][len(channel) :]
            rest = [glued, *rest] if glued in GLUED else rest
        kinds = [word for word in rest if word in CONTENT_TYPES][:1]
        if len(rest) == 1 and _PLAIN_TYPE.fullmatch(rest[0]):
            kinds = rest
        self._types += kinds
        self._ignore([word for word in rest if word not in kinds])

    def _role(self, *, is_opened: bool) -> tuple[Role, str | None]:
        if not self._roles:
            if not is_opened:
                self.assumed.append("the role 'assistant'")
            return Role.ASSISTANT, None
        first, *more = self._roles
        known = known_role(first, self._declared)
        if known is None or is_opened:
            self.assumed.append("the role 'assistant'" if known is None else f"the role {first!r}")
        self._ignore(more)
        return known or (Role.ASSISTANT, None)

    def _recipient(self, role: Role) -> str | None:
        found = [word[0] for text in self._recipients if (word := HEADER_WORD.match(text))]
        if found != self._recipients or len(found) > 1:
            self.assumed.append(f"the recipient {found[-1]!r}" if found else "no recipient")
        if not found:
            return None
        if role is not Role.ASSISTANT:
            return found[-1]
        if found[-1] in _PEOPLE:
            self.assumed.append("no call of a tool")
            return None
        return self._declared_recipient(found[-1])

    def _declared_recipient(self, name: str) -> str:
        """The declared tool that a wrong name means, if it can be told."""
        if not self._declared or name in self._declared:
            return name
        stems = [name, *(name.removesuffix(word) for word in GLUED if name.endswith(word))]
        for stem in stems:
            for candidate in (stem, f"functions.{stem}"):
                if candidate in self._declared:
                    self.assumed.append(f"the recipient {candidate!r}")
                    return candidate
        return name

    def _content_type(self) -> str | None:
        for text in reversed(self._types):
            if HEADER_WORD.fullmatch(text.removeprefix(Marker.CONSTRAIN)):
                if len(self._types) > 1:
                    self.assumed.append(f"the content type {text!r}")
                return text
        if self._types:
            self.assumed.append("no content type")
        return None

    def _ignore(self, words: Sequence[str]) -> None:
        if words:
            self.assumed.append(f"nothing for {' '.join(words)!r}")
