"""Texts in items of the Responses API: a request may have parts of any kind, of which one is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.forms import Form, Kinds
from gptoss.server.exchanged import IfNull, Sent
from gptoss.server.replies import Nothing, Reply
from gptoss.server.shared.logprobs import TokenLogprobs


class TextParam(Form):
    """A part of a text. The model reads text alone."""

    type: Literal["input_text", "output_text", "text", "reasoning_text", "summary_text"]
    text: str


class RefusalParam(Form):
    """What the assistant refused to do, and why."""

    type: Literal["refusal"]
    refusal: str


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


_Part = Annotated[TextParam | RefusalParam, Kinds("type", but=", which the model cannot read")]
_Texts = str | list[TextParam | RefusalParam]


def joined(
    texts: str | Iterable[TextParam | RefusalParam | InputText | OutputText | ReasoningText],
) -> str:
    """The text of parts."""
    if isinstance(texts, str):
        return texts
    return "".join(p.refusal if isinstance(p, RefusalParam) else p.text for p in texts)


def _sent(kind: str, *nothing: object, **more: Any) -> Sent:
    """As an annotation: of what a request has, one part is made; none of what is `nothing`."""

    def read(texts: _Texts) -> list[dict[str, Any]]:
        return [] if texts in nothing else [{"type": kind, "text": joined(texts), **more}]

    return Sent(str | list[_Part], read)


def _output(texts: _Texts) -> str | list[dict[str, Any]]:
    """Text as it is; of parts one is made."""
    return texts if isinstance(texts, str) else [{"type": "input_text", "text": joined(texts)}]


_One, _AtMostOne = Field(min_length=1, max_length=1), Field(max_length=1)
InputTexts = Annotated[list[InputText], _One, _sent("input_text")]
OutputTexts = Annotated[
    list[OutputText], _AtMostOne, _sent("output_text", [], annotations=[], logprobs=[])
]
ReasoningTexts = Annotated[
    list[ReasoningText], _AtMostOne, _sent("reasoning_text", "", []), IfNull([])
]
SummaryTexts = Annotated[list[SummaryText], _AtMostOne, _sent("summary_text", "", []), IfNull([])]
ToolTexts = Annotated[str | Annotated[list[InputText], _One], Sent(str | list[_Part], _output)]
