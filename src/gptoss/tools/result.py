"""What a call gave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a call ended."""

    FINISHED = "finished"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    DENIED = "denied"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a call made for the person: a plot, a table."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave: for the model as text, for the person with its files. A failure is a result too.

    whole    where the model finds the whole of a text that is too long for it; None: nowhere
    seconds  that the call took
    """

    text: str
    ending: Ending = Ending.FINISHED
    attachments: tuple[Attachment, ...] = ()
    whole: str | None = None
    seconds: float = 0.0

    @property
    def is_error(self) -> bool:
        """Whether the tool did not do what it was called for."""
        return self.ending is not Ending.FINISHED
