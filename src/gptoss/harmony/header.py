"""Message headers as the model writes them: total, because sampled text can be anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gptoss.harmony.messages import Channel, Role

_RECIPIENT = re.compile(r"(?:^|\s)to=(\S+)")
_WORD = re.compile(r"[^\s<>|:=]+")


@dataclass(frozen=True, slots=True)
class Header:
    """Whose message it is, on which channel, for whom, of what type."""

    role: Role
    channel: Channel
    recipient: str | None = None
    content_type: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of header text and the special token before it: start, channel or constrain."""

    marker: str
    text: str


def interpret(segments: list[Segment]) -> tuple[Header, list[str]]:
    """The most sensible reading of a header, and what had to be assumed for it.

    A recipient may stand before or after the channel. A first segment without a role is the assistant's: the
    prompt ended with it.
    """
    assumed: list[str] = []
    text = dict.fromkeys(("start", "channel", "constrain"), "")
    for segment in segments:
        if text[segment.marker].strip() and segment.text.strip():
            assumed.append(f"the last of two {segment.marker} parts")
        if segment.text.strip():
            text[segment.marker] = segment.text
    recipient, rest = None, {}
    for marker, part in text.items():
        found = _RECIPIENT.search(part)
        word = _WORD.fullmatch(found[1]) if found else None
        recipient = word[0] if word else recipient
        rest[marker] = _RECIPIENT.sub(" ", part).split()
    role, name = _role(rest["start"], assumed)
    if role is Role.ASSISTANT and recipient in ("assistant", "all", "user"):
        recipient = None
    is_call = role is Role.ASSISTANT and recipient is not None
    channel, more = _channel(rest["channel"], is_call, assumed)
    content_type = _content_type(rest["constrain"], more, assumed)
    return Header(role, channel, recipient, content_type, name), assumed


def _role(words: list[str], assumed: list[str]) -> tuple[Role, str | None]:
    if not words:
        return Role.ASSISTANT, None
    if len(words) > 1:
        assumed.append(f"the role {words[0]!r}")
    role, _, name = words[0].partition(":")
    if role in (Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT):
        return Role(role), name if _WORD.fullmatch(name) else None
    if _WORD.fullmatch(role) and role.startswith(("functions.", "browser", "python")):
        return Role.TOOL, role
    assumed.append("the role 'assistant'")
    return Role.ASSISTANT, None


def _channel(words: list[str], is_call: bool, assumed: list[str]) -> tuple[Channel, list[str]]:
    """The channel and the words after it."""
    default = Channel.COMMENTARY if is_call else Channel.FINAL
    if not words:
        assumed.append(f"the channel '{default}'")
        return default, []
    first, more = words[0], words[1:]
    for channel in Channel:
        if first == channel:
            return channel, more
        if first.startswith(channel):
            assumed.append(f"the channel '{channel}'")
            return channel, [first.removeprefix(channel), *more]
    assumed.append(f"the channel '{default}'")
    return default, words


def _content_type(constrained: list[str], more: list[str], assumed: list[str]) -> str | None:
    """Of the words after `<|constrain|>`, or else after the channel, the first."""
    for words, prefix in ((constrained, "<|constrain|>"), (more, "")):
        if words and _WORD.fullmatch(words[0]):
            if len(words) > 1:
                assumed.append(f"the content type {words[0]!r}")
            return prefix + words[0]
        if words:
            assumed.append("no content type")
    return None
