"""Texts in items of the Responses API: a request may have parts of any kind, of which one is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.chat.types import parts
from gptoss.chat.types.parts import PART_UNREAD, none_of, placeholder
from gptoss.forms import Form, Kinds
from gptoss.server.exchanged import IfNull, Sent
from gptoss.server.replies import Nothing, Reply
from gptoss.server.shared.logprobs import TokenLogprobs

_READABLE = ("input_text", "output_text", "text", "reasoning_text", "summary_text", "refusal")


class TextParam(Form):
    """A part of a text. The model reads text alone."""

    unread = PART_UNREAD

    type: Literal["input_text", "output_text", "text", "reasoning_text", "summary_text"]
    text: str


class RefusalParam(Form):
    """What the assistant refused to do, and why."""

    type: Literal["refusal"]
    refusal: str


class UnreadParam(Form):
    """What a tool gave and the model cannot read: it is told that something stood there."""

    left_out = "the model reads text alone"

    type: Annotated[Any, none_of(*_READABLE)]

    @property
    def text(self) -> str:
        """In its place."""
        return placeholder(self.type)


class InputText(Reply):
    """Text that was sent."""

    type: Literal["input_text"]
    text: str


class OutputText(Reply):
    """Text of the assistant."""

    type: Literal["output_text"]
    text: str
    annotations: Nothing
    logprobs: list[TokenLogprobs]
    """Of its tokens, if `include` or `top_logprobs` asked for them, otherwise empty."""


class ReasoningText(Reply):
    """The chain of thought, raw: not meant for an application's users."""

    type: Literal["reasoning_text"]
    text: str


class SummaryText(Reply):
    """A summary of the chain of thought: its first sentences, word for word."""

    type: Literal["summary_text"]
    text: str


def _is_no_text(part: Mapping[str, Any]) -> bool:
    """Whether it is something that the model cannot read, in a tool's result."""
    return part.get("type") not in (None, *_READABLE)


_Part = Annotated[TextParam | RefusalParam, Kinds("type", but=", which the model cannot read")]
_ResultPart = Annotated[TextParam | RefusalParam | UnreadParam, Kinds("type", rest=_is_no_text)]
_Parts = Iterable[TextParam | RefusalParam | UnreadParam | InputText | OutputText | ReasoningText]


def joined(texts: str | _Parts) -> str:
    """The text of parts, word for word."""
    return texts if isinstance(texts, str) else "".join(map(_text, texts))


def _said(texts: str | _Parts) -> str:
    """The text of parts that are said to the model."""
    return texts if isinstance(texts, str) else parts.joined(map(_text, texts))


def _text(
    part: TextParam | RefusalParam | UnreadParam | InputText | OutputText | ReasoningText,
) -> str:
    return part.refusal if isinstance(part, RefusalParam) else part.text


def _sent(kind: str, *nothing: object, join: Callable[[Any], str] = joined, **more: Any) -> Sent:
    """As an annotation: of what a request has, one part is made; none of what is `nothing`."""

    def read(texts: Any) -> list[dict[str, Any]]:
        return [] if texts in nothing else [{"type": kind, "text": join(texts), **more}]

    return Sent(str | list[_Part], read)


def _output(texts: Any) -> str | list[dict[str, Any]]:
    """Text as it is; of parts one is made."""
    return texts if isinstance(texts, str) else [{"type": "input_text", "text": _said(texts)}]


_One, _AtMostOne = Field(min_length=1, max_length=1), Field(max_length=1)
InputTexts = Annotated[list[InputText], _One, _sent("input_text", join=_said)]
OutputTexts = Annotated[
    list[OutputText], _AtMostOne, _sent("output_text", [], annotations=[], logprobs=[])
]
ReasoningTexts = Annotated[
    list[ReasoningText], _AtMostOne, _sent("reasoning_text", "", []), IfNull([])
]
SummaryTexts = Annotated[list[SummaryText], _AtMostOne, _sent("summary_text", "", []), IfNull([])]
ToolTexts = Annotated[
    str | Annotated[list[InputText], _One], Sent(str | list[_ResultPart], _output)
]
