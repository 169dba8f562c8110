"""Input items of the Responses API, as `gptoss.server.responses.input` reads them."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypeAliasType

from gptoss.server.request_schemas.call_items import AnyCallItem, AnyOutputItem
from gptoss.server.request_schemas.form import Form
from gptoss.server.request_schemas.item_text import ItemContent, ItemId


class MessageItem(Form):
    """A message."""

    type: Literal["message"] | None = None
    id: ItemId | None = None
    """Distinct among all items of the conversation."""
    role: Literal["user", "system", "developer"]
    content: ItemContent


class AssistantItem(Form):
    """Something that the assistant said."""

    type: Literal["message"] | None = None
    id: ItemId | None = None
    role: Literal["assistant"]
    content: ItemContent
    phase: Literal["commentary", "final_answer"] | None = None
    """As it came; null: `commentary` where a call follows."""


class ReasoningInputItem(Form):
    """A chain of thought, as it came."""

    type: Literal["reasoning"]
    id: ItemId | None = None
    content: ItemContent | None = None
    encrypted_content: str | None = None
    """What this server has given away; it counts, and not the content."""
    summary: ItemContent | None = None
    """Is kept, and the model does not see it."""


class ItemReference(Form):
    """An item that is kept here."""

    type: Literal["item_reference"] | None = None
    id: str


Included = Literal[
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]
InputItem = TypeAliasType(
    "InputItem",
    MessageItem | AssistantItem | AnyCallItem | AnyOutputItem | ReasoningInputItem | ItemReference,
)
ResponseInput = str | list[InputItem]
