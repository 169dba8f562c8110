"""How much of the loss each kind of token bears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gptoss.errors import DataError, listed, shown
from gptoss.harmony import Channel, Message, Role


class TokenKind(StrEnum):
    """Who wrote a token, and the assistant's by its channel; the order is that of the numbers in a sample's `kinds`.

    A message's header and its end are of its kind.
    """

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    RESULT = "result"
    ANALYSIS = "analysis"
    COMMENTARY = "commentary"
    TOOLS = "tools"
    FINAL = "final"

    @property
    def number(self) -> int:
        """As arrays hold it."""
        return list(TokenKind).index(self)


TRAINABLE = (TokenKind.ANALYSIS, TokenKind.COMMENTARY, TokenKind.TOOLS, TokenKind.FINAL)
_BY_ROLE = {
    Role.SYSTEM: TokenKind.SYSTEM,
    Role.DEVELOPER: TokenKind.DEVELOPER,
    Role.USER: TokenKind.USER,
    Role.TOOL: TokenKind.RESULT,
}


def kind_of(message: Message) -> TokenKind:
    """The kind of a message's tokens."""
    if message.role is not Role.ASSISTANT:
        return _BY_ROLE[message.role]
    if message.is_tool_call:
        return TokenKind.TOOLS
    if message.is_reasoning:
        return TokenKind.ANALYSIS
    return TokenKind.COMMENTARY if message.channel == Channel.COMMENTARY else TokenKind.FINAL


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The weight of each kind that the model writes; 0: it is read and not learnt."""

    of_kind: Mapping[TokenKind, float]

    @classmethod
    def parse(cls, text: str = "") -> LossWeights:
        """As `analysis=1,final=0.5`: what is not named has none; nothing at all: each has 1. Raises DataError."""
        if not text.strip():
            return cls(dict.fromkeys(TRAINABLE, 1.0))
        weights = dict.fromkeys(TRAINABLE, 0.0)
        for piece in text.split(","):
            name, _, value = piece.partition("=")
            kind, weight = name.strip(), _weight(value)
            if kind not in TRAINABLE or weight is None:
                raise DataError(
                    f"got {shown(piece.strip())} as what to train on, wanted one of {listed(TRAINABLE)} with a weight "
                    "from 0 to 100, as in analysis=1,final=1,tools=1"
                )
            weights[TokenKind(kind)] = weight
        if not any(weights.values()):
            raise DataError("all weights of what to train on are 0: nothing would be learnt")
        return cls(weights)

    def __str__(self) -> str:
        return ",".join(f"{kind}={weight:g}" for kind, weight in self.of_kind.items() if weight)


def _weight(text: str) -> float | None:
    if not text.strip():
        return 1.0
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if 0 <= weight <= 100 else None
