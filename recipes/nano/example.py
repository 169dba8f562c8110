"""One training conversation, and how it becomes token ids with a loss mask."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the chain of thought; one that is not learnt carries no loss (a mistake to be noticed)."""

    text: str
    is_learnt: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """One assistant turn with what came before it."""

    user: str
    final: str
    analysis: tuple[Piece, ...] = ()
    level: str = "medium"
    earlier: tuple[tuple[str, str], ...] = ()
    instructions: str | None = None
    date: str | None = None
    kind: str = field(default="", compare=False)
