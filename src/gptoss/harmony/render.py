"""Conversations -> token ids, in the official library's dialect or the released chat template's.

Special tokens are written here and nowhere else: all text is encoded as ordinary text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gptoss.harmony.layout import Dialect, Layout, lay_out
from gptoss.harmony.messages import Conversation, Message, SystemContent
from gptoss.harmony.names import Marker, Role, entries, member
from gptoss.harmony.reasoning import (
    with_last_reasoning,
    with_last_thought,
    without_old_reasoning,
)
from gptoss.tokenizer import Tokenizer


class Part(StrEnum):
    """What of a message a segment is."""

    START = "start"
    HEADER = "header"
    CONTENT = "content"
    END = "end"


@dataclass(frozen=True, slots=True)
class Segment:
    """Neighbouring tokens of one message.

    part        `<|start|>` and the author, the header with `<|message|>`, the content, or the token that ends it
    is_sampled  whether the model writes these tokens itself: all of an assistant message but the start that the
                prompt ends with
    """

    token_ids: tuple[int, ...]
    message: Message
    part: Part
    is_sampled: bool


def render(
    conversation: Conversation,
    tokenizer: Tokenizer,
    *,
    dialect: str = Dialect.HARMONY,
    strict: bool = False,
    keep_reasoning: bool = False,
) -> list[int]:
    """The prompt for the assistant's next message: ends with `<|start|>assistant`.

    The chain of thought before the last final answer is left out; in a turn that is still calling tools it stays.

    dialect         `harmony`: the official library's bytes; `template`: the released chat template's, in which a
                    conversation always opens with a system message
    strict          write tool schemas byte for byte as openai-harmony 0.0.8, where that loses their meaning too
                    (anyOf, allOf, $ref, const, enums of other values, arrays of unions, comments of several lines);
                    the template dialect has its own
    keep_reasoning  leave nothing out

    Raises MessageError for what is no message, an unknown dialect or a schema that expands to too much,
    TokenizerError for a vocabulary without harmony's special tokens.
    """
    _require_messages(conversation)
    kept = list(conversation) if keep_reasoning else without_old_reasoning(conversation)
    writer = _Writer(tokenizer)
    laid_out = _lay_out(conversation, kept, dialect, strict=strict)
    ids = [token_id for _, layout in laid_out for token_id in writer.message(layout)]
    return ids + writer.start((Role.ASSISTANT,))


def render_for_training(
    conversation: Conversation,
    tokenizer: Tokenizer,
    *,
    dialect: str = Dialect.HARMONY,
    strict: bool = False,
    keep_reasoning: bool = False,
) -> list[Segment]:
    """The conversation in segments, each with its message, so that a loss can be masked by role, channel and part.

    Earlier turns lose their chain of thought as in `render`; the last one keeps it (in the template dialect, only what
    leads to its final answer). A final answer at the end is closed by `<|return|>`, as the model is to write it.
    Arguments and errors as of `render`.
    """
    kind = member(Dialect, dialect, "dialect")
    _require_messages(conversation)
    if keep_reasoning:
        kept = list(conversation)
    elif kind is Dialect.TEMPLATE:
        kept = with_last_thought(conversation)
    else:
        kept = with_last_reasoning(conversation)
    laid_out = _lay_out(conversation, kept, kind, strict=strict)
    return _Writer(tokenizer).segments(laid_out)


def loss_mask(segments: Iterable[Segment], channels: Collection[str] | None = None) -> list[bool]:
    """For each token whether predicting it counts: what the model writes itself, on these channels; None: on all."""
    return [
        segment.is_sampled and (channels is None or segment.message.channel in channels)
        for segment in segments
        for _ in segment.token_ids
    ]


def stop_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Tokens that end the assistant's turn: `<|return|>`, `<|call|>` and `<|endoftext|>`."""
    names = (Marker.RETURN, Marker.CALL, Marker.END_OF_TEXT)
    return frozenset(tokenizer.special_id(name) for name in names)


def _require_messages(conversation: Conversation) -> None:
    entries("the conversation", conversation, Message, "; harmony.from_chat makes them of dicts")


def _lay_out(
    conversation: Conversation, kept: Sequence[Message], dialect: str, *, strict: bool
) -> list[tuple[Message, Layout]]:
    kind = member(Dialect, dialect, "dialect")
    has_system = bool(kept) and kept[0].role is Role.SYSTEM
    if kind is Dialect.TEMPLATE and not has_system:
        kept = [Message(Role.SYSTEM, SystemContent()), *kept]
    return lay_out(conversation, kept, kind, strict=strict)


class _Writer:
    """Layouts as token ids over one vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._encode: Callable[[str], Sequence[int]] = tokenizer.encode
        self._id_of = {marker: tokenizer.special_id(marker) for marker in Marker}

    def start(self, author: Iterable[str]) -> list[int]:
        return [self._id_of[Marker.START], *self._texts(author)]

    def message(self, layout: Layout) -> list[int]:
        return [token_id for _, ids in self._parts(layout) for token_id in ids]

    def segments(self, laid_out: Sequence[tuple[Message, Layout]]) -> list[Segment]:
        segments: list[Segment] = []
        goes_on = False
        for index, (message, layout) in enumerate(laid_out):
            is_own = message.role is Role.ASSISTANT
            ends_all = message.is_final and index == len(laid_out) - 1
            for part, ids in self._parts(layout):
                if part is Part.END and ends_all:
                    ids = [self._id_of[Marker.RETURN]]
                is_sampled = is_own and (goes_on or part is not Part.START)
                segments.append(Segment(tuple(ids), message, part, is_sampled))
            goes_on = is_own and layout.end is Marker.END and not message.is_final
        return segments

    def _parts(self, layout: Layout) -> list[tuple[Part, list[int]]]:
        header = [
            token_id
            for piece in layout.header
            for token_id in (
                [self._id_of[piece]] if isinstance(piece, Marker) else self._encode(piece)
            )
        ]
        return [
            (Part.START, self.start(layout.author)),
            (Part.HEADER, [*header, self._id_of[Marker.MESSAGE]]),
            (Part.CONTENT, list(self._encode(layout.content))),
            (Part.END, [self._id_of[layout.end]]),
        ]

    def _texts(self, texts: Iterable[str]) -> list[int]:
        return [token_id for text in texts for token_id in self._encode(text)]
