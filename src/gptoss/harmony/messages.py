"""What a conversation consists of. Values are immutable; a wrong one is refused when it is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from gptoss.errors import MessageError


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Channel(StrEnum):
    """What an assistant message is: its chain of thought, a tool call or preamble, or the answer."""

    ANALYSIS = "analysis"
    COMMENTARY = "commentary"
    FINAL = "final"


class Effort(StrEnum):
    """How much the model reasons before it answers."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @classmethod
    def parse(cls, value: str) -> Effort:
        """By name. Raises MessageError for another one."""
        return _member(cls, value, "reasoning level")


_Name = TypeVar("_Name", bound=StrEnum)


def _member(kind: type[_Name], value: str, what: str) -> _Name:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(kind)
        raise MessageError(f"got the {what} {value!r}, wanted one of {names}") from None


@dataclass(frozen=True, slots=True)
class SystemContent:
    """The system message: who the model is and how it answers. An application's own wishes belong to the developer."""

    identity: str = "You are ChatGPT, a large language model trained by OpenAI."
    knowledge_cutoff: str | None = "2024-06"
    current_date: str | None = None
    effort: Effort = Effort.MEDIUM
    channels: tuple[Channel, ...] = tuple(Channel)


@dataclass(frozen=True, slots=True)
class DeveloperContent:
    """What APIs call the system prompt."""

    instructions: str | None = None


# A name stands in a header, where a space or a bracket would begin something else.
_HEADER_WORD = re.compile(r"[^\s<>|:=]+")
_CONSTRAIN = "<|constrain|>"


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation.

    role         who speaks
    content      text; or a system's or developer's parts
    channel      of assistant and tool messages: `analysis`, `commentary` or `final`
    recipient    whom it is for: `functions.NAME` for a tool call, `assistant` for a tool's result
    content_type such as `json`; after `<|constrain|>`, as the model writes it, the marker is part of it
    name         a tool's full name (`functions.NAME`), or which of several users speaks

    Raises MessageError for an unknown role or a name that a header cannot hold.
    """

    role: Role
    content: str | SystemContent | DeveloperContent
    channel: str | None = None
    recipient: str | None = None
    content_type: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", _member(Role, self.role, "role"))
        wanted: dict[type, Role] = {
            SystemContent: Role.SYSTEM,
            DeveloperContent: Role.DEVELOPER,
        }
        kind = type(self.content)
        if kind is not str and wanted.get(kind) is not self.role:
            raise MessageError(
                f"got {kind.__name__} as the content of a {self.role} message, wanted text"
            )
        for field in ("channel", "recipient", "name"):
            _require_header_word(field, getattr(self, field))
        if self.content_type is not None:
            _require_header_word("content_type", self.content_type.removeprefix(_CONSTRAIN))
        if self.role is Role.TOOL and self.name is None:
            raise MessageError(
                "got a tool message without a name, wanted the tool's, as in functions.NAME"
            )

    @property
    def text(self) -> str:
        """The content of a message that is plain text, else nothing."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def is_tool_call(self) -> bool:
        """Whether the assistant calls a tool with it."""
        return self.role is Role.ASSISTANT and self.recipient not in (None, "all")


Conversation = Sequence[Message]


def _require_header_word(field: str, value: str | None) -> None:
    if value is not None and not _HEADER_WORD.fullmatch(value):
        raise MessageError(f"got {value!r} as {field}, wanted one word without any of < > | : =")
