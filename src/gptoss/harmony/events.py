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
class ToolCallDelta:
    """A piece of a tool call's arguments; the first one of a call, perhaps empty, names the tool."""

    recipient: str
    text: str


@dataclass(frozen=True, slots=True)
class Repair:
    """The model left the format: what was seen, and what was assumed."""

    seen: str
    assumed: str


Event = ReasoningDelta | PreambleDelta | ContentDelta | ToolCallDelta | Repair
