"""The words of the format: roles, channels, reasoning levels, and its special tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from gptoss.errors import MessageError, shown


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
        return member(cls, value, "reasoning level")


class Marker(StrEnum):
    """The special tokens that give a conversation its structure."""

    START = "<|start|>"
    MESSAGE = "<|message|>"
    CHANNEL = "<|channel|>"
    CONSTRAIN = "<|constrain|>"
    END = "<|end|>"
    RETURN = "<|return|>"
    CALL = "<|call|>"
    END_OF_TEXT = "<|endoftext|>"


_Name = TypeVar("_Name", bound=StrEnum)


def member(kind: type[_Name], value: str, what: str) -> _Name:
    """The member of that value. Raises MessageError that lists them all."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(kind)
        raise MessageError(f"got the {what} {shown(value)}, wanted one of {names}") from None


_Entry = TypeVar("_Entry")


def entries(what: str, values: object, kind: type[_Entry], remedy: str = "") -> tuple[_Entry, ...]:
    """The values as a tuple. Raises MessageError unless it is an iterable, no text, of that kind alone."""
    is_listed = isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
    found = tuple(values) if is_listed and isinstance(values, Iterable) else (values,)
    for value in found:
        if not is_listed or not isinstance(value, kind):
            raise MessageError(
                f"got {type(value).__name__} as {what}, wanted a list of {kind.__name__}{remedy}"
            )
    return found


# A name stands in a header, where a space or a bracket would begin something else.
HEADER_WORD = re.compile(r"[^\s<>|:=]+")


def require_header_word(field: str, value: str | None) -> None:
    """Raises MessageError for a value that a header cannot hold."""
    if value is not None and not (isinstance(value, str) and HEADER_WORD.fullmatch(value)):
        raise MessageError(
            f"got {shown(value)} as {field}, wanted one word without any of < > | : ="
        )
