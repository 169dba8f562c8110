"""What a turn emits while it is generated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the chain of thought."""

    text: str


@dataclass(frozen=True, slots=True)
class PreambleDelta:
    """A piece of what the model says to the user before it calls tools."""

    text: str


@dataclass(frozen=True, slots=True)
class ContentDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class MessageFinished:
    """A message of reasoning, preamble or answer is over; not complete if the tokens ended inside it."""

    is_complete: bool


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """A tool is called: its full name, and the how-manieth call of the turn it is, from 0."""

    index: int
    recipient: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call's arguments."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallFinished:
    """A call is over; not complete if the tokens ended inside it, so that its arguments are cut short."""

    index: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Repair:
    """The model left the format: what was seen, word for word, and what was assumed."""

    seen: str
    assumed: str


TextDelta = ReasoningDelta | PreambleDelta | ContentDelta
Event = TextDelta | MessageFinished | ToolCallStarted | ToolCallDelta | ToolCallFinished | Repair
