"""Items of the Responses API: what a response consists of, and what it answers."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from typing_extensions import TypeAliasType

from gptoss.server.replies import ABSENT, Nothing, Reply
from gptoss.server.responses.types.calls import Call, CallOutput, InputText
from gptoss.server.shared.logprobs import TokenLogprobs

ItemStatus = Literal["in_progress", "completed", "incomplete"]
Phase = Literal["commentary", "final_answer"]


class SummaryText(Reply):
    """A summary of the chain of thought: its first sentences, word for word."""

    type: Literal["summary_text"]
    text: str


class ReasoningText(Reply):
    """The chain of thought, raw: not meant for an application's users."""

    type: Literal["reasoning_text"]
    text: str


class ReasoningItem(Reply):
    """A chain of thought."""

    id: str
    type: Literal["reasoning"]
    summary: Annotated[list[SummaryText], Field(max_length=1)]
    """If `reasoning.summary` asked for one."""
    content: Annotated[list[ReasoningText], Field(max_length=1)]
    """Empty before there is any."""
    status: ItemStatus
    encrypted_content: str = ABSENT
    """If `include` asked for it: the text, which this server alone can open. Hand it back as it is."""


class OutputText(Reply):
    """Text of the assistant."""

    type: Literal["output_text"]
    text: str
    annotations: Nothing
    logprobs: list[TokenLogprobs]
    """Of its tokens, if `include` or `top_logprobs` asked for them, otherwise empty."""


class OutputMessage(Reply):
    """Something said to the user."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: ItemStatus
    phase: Phase | None
    """`final_answer`, or `commentary` before tools are called; null where a client sent it without one."""
    content: Annotated[list[OutputText], Field(max_length=1)]
    """Empty before there is any."""


class InputMessage(Reply):
    """Something that was sent."""

    id: str
    type: Literal["message"]
    role: Literal["user", "system", "developer"]
    status: Literal["completed"]
    content: Annotated[list[InputText], Field(min_length=1, max_length=1)]


OutputItem = TypeAliasType(
    "OutputItem",
    Annotated[ReasoningItem | OutputMessage | Call, Field(discriminator="type")],
)
AnyItem = InputMessage | OutputMessage | ReasoningItem | Call | CallOutput


class ItemList(Reply):
    """A page of the items that a response answers, those of the responses before it too."""

    object: Literal["list"]
    data: list[AnyItem]
    first_id: str
    """Empty where there is no item."""
    last_id: str
    """What `after` of the next page is. Empty where there is no item."""
    has_more: bool


def item_of(written: str) -> AnyItem:
    """The item that was written so, as `Reply.written` does."""
    return _adapter().validate_json(written)


@functools.cache
def _adapter() -> TypeAdapter[AnyItem]:
    message = Annotated[InputMessage | OutputMessage, Field(discriminator="role")]
    kinds = message | ReasoningItem | Call | CallOutput
    return TypeAdapter(Annotated[kinds, Field(discriminator="type")])
