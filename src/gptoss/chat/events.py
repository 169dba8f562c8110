"""What a turn emits: harmony's events while it is written, those of its tools, then itself as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gptoss.chat.reply import CallRecord, Reply
from gptoss.engine import Token
from gptoss.harmony import ContentDelta, Event, PreambleDelta, ReasoningDelta, ToolCallDelta
from gptoss.tools import ApprovalRequest

_Piece = ReasoningDelta | ContentDelta | PreambleDelta | ToolCallDelta


@dataclass(frozen=True, slots=True)
class TextTokens:
    """Tokens of what is said to the user, with their logprobs; only where these are asked for.

    Their text follows, or has come with tokens before them, or never does: of the string that ended the answer.
    """

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ToolRunStarted:
    """A call is about to be run here: the how-manieth of the turn it is, as in `ToolCallStarted`, and what it says."""

    index: int
    recipient: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A person is asked whether a call may run."""

    index: int
    request: ApprovalRequest


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """A piece of what a running tool prints, for a person; the model reads the result."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolRunFinished:
    """A call has ended, or was not run; its result, however it ended."""

    index: int
    run: CallRecord


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The last event of a turn."""

    reply: Reply


ToolEvent = ToolRunStarted | ApprovalAsked | ToolOutput | ToolRunFinished
TurnEvent = Event | TextTokens | ToolEvent | TurnFinished


def together(events: Sequence[TurnEvent]) -> list[TurnEvent]:
    """The same, neighbouring pieces of one text as one, and so their tokens."""
    found: list[TurnEvent] = []
    pieces: list[_Piece] = []
    tokens: list[Token] = []
    for event in events:
        if isinstance(event, TextTokens):
            tokens += event.tokens
            continue
        if isinstance(event, _Piece):
            if pieces and _text_of(event) != _text_of(pieces[0]):
                _put(found, tokens, pieces)
            pieces.append(event)
        else:
            _put(found, tokens, pieces)
            found.append(event)
    _put(found, tokens, pieces)
    return found


def _put(found: list[TurnEvent], tokens: list[Token], pieces: list[_Piece]) -> None:
    """Move what was gathered."""
    if tokens:
        found.append(TextTokens(tuple(tokens)))
        tokens.clear()
    if pieces:
        # Joined at once: a reader who was slow has many to catch up on.
        found.append(pieces[0] if len(pieces) == 1 else _joined(pieces))
        pieces.clear()


def _joined(pieces: Sequence[_Piece]) -> Event:
    text = "".join(piece.text for piece in pieces)
    match pieces[0]:
        case ToolCallDelta(index, _):
            return ToolCallDelta(index, text)
        case first:
            return type(first)(text)


def _text_of(piece: _Piece) -> tuple[type[_Piece], int]:
    """Return the text that it is a piece of."""
    return type(piece), piece.index if isinstance(piece, ToolCallDelta) else 0
