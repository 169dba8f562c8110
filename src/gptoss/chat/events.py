"""What a turn emits: harmony's events while it runs, then itself as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.chat.reply import Reply
from gptoss.harmony import Event


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The last event of a turn."""

    reply: Reply


TurnEvent = Event | TurnFinished
