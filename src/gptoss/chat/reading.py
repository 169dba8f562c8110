"""What a turn's events say, put together. Whole replies are made of it, so that they say what streams do."""

from __future__ import annotations

from dataclasses import dataclass, field

from gptoss.chat.events import TurnEvent
from gptoss.chat.reply import ToolCall
from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)

# Stands between two chains of thought where both are told as one text.
THOUGHT_BREAK = "\n"
# Likewise between what is said before a call that is run, and what is said after it.
SAID_BREAK = "\n\n"

_TEXTS = (ContentDelta, ReasoningDelta, PreambleDelta)
_Kind = type[ReasoningDelta | PreambleDelta | ContentDelta | ToolCallStarted]


@dataclass(slots=True)
class _Part:
    """One message: its pieces, and the tool that it calls if it calls one."""

    kind: _Kind
    recipient: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Reading:
    """Reads the events of one turn. Messages that say nothing are none, unless they call a tool."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._is_open = False

    def feed(self, event: TurnEvent) -> None:
        """One more event."""
        if isinstance(event, _TEXTS):
            # Nearly all of them; matching each would take half as long as reading its token.
            if not self._is_open:
                self._parts.append(_Part(type(event)))
                self._is_open = True
            self._parts[-1].pieces.append(event.text)
            return
        match event:
            case ToolCallStarted(_, recipient):
                self._parts.append(_Part(ToolCallStarted, recipient))
            case ToolCallDelta(_, text):
                self._parts[-1].pieces.append(text)
            case MessageFinished():
                self._is_open = False

    @property
    def content(self) -> str:
        """The answer."""
        return "".join(self._texts(ContentDelta))

    @property
    def reasoning(self) -> str:
        """The chain of thought."""
        return THOUGHT_BREAK.join(self._texts(ReasoningDelta))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """All calls, in order."""
        return tuple(
            ToolCall(part.recipient.removeprefix("functions."), part.text)
            for part in self._parts
            if part.kind is ToolCallStarted
        )

    @property
    def ends_with_call(self) -> bool:
        """Whether nothing was said after the last call."""
        return bool(self._parts) and self._parts[-1].kind is ToolCallStarted

    def _texts(self, kind: _Kind) -> list[str]:
        return [part.text for part in self._parts if part.kind is kind]
