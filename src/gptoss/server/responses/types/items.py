"""Items of the Responses API: what is sent, what a response consists of, and what is kept of both."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from gptoss.forms import Form, Ignored, Kinds
from gptoss.server.exchanged import Exchanged, IfNull, Maybe, OrElse, Sent
from gptoss.server.replies import ABSENT, Reply
from gptoss.server.responses.types.calls import Call, CallOutput, ItemId, ItemStatus
from gptoss.server.responses.types.code_calls import CodeInterpreterCall
from gptoss.server.responses.types.echoed_tools import echoed_tools
from gptoss.server.responses.types.mcp_calls import (
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
)
from gptoss.server.responses.types.texts import (
    InputTexts,
    OutputTexts,
    ReasoningTexts,
    SummaryTexts,
)
from gptoss.server.responses.types.tools import DeclaredTool, ResponseTool

Phase = Literal["commentary", "final_answer"]
_IsMessage = Annotated[Literal["message"], IfNull("message")]


class ReasoningItem(Exchanged):
    """A chain of thought."""

    id: ItemId
    type: Literal["reasoning"]
    summary: SummaryTexts
    """If `reasoning.summary` asked for one. In a request it is kept, and the model does not see it."""
    content: ReasoningTexts
    """Empty before there is any."""
    status: ItemStatus
    encrypted_content: Maybe[str] = ABSENT
    """If `include` asked for it: the text, which this server alone can open. Hand it back as it is: it counts more than
    the content.
    """


class OutputMessage(Exchanged):
    """Something that the assistant said."""

    id: ItemId
    type: _IsMessage
    role: Literal["assistant"]
    status: ItemStatus
    phase: Phase | None = None
    """`final_answer`, or `commentary` before tools are called; null where a client sent it without one."""
    content: OutputTexts
    """Empty before there is any."""


_INPUT_UNREAD = {"phase": Ignored("phases are the assistant's")}


class InputMessage(Exchanged):
    """Something that was sent."""

    unread = _INPUT_UNREAD

    id: ItemId
    type: _IsMessage
    role: Literal["user", "system", "developer"]
    status: Annotated[Literal["completed"], OrElse("completed")]
    content: InputTexts


class AdditionalTools(Exchanged):
    """Tools that are declared among the items. The model is told of them as of all others, at the beginning."""

    id: ItemId
    type: Literal["additional_tools"]
    role: Literal["developer"]
    tools: Annotated[list[DeclaredTool], Sent(list[ResponseTool], echoed_tools)]

    def written(self) -> bytes:
        """The object as JSON; tools have the fields that were sent."""
        return self.__pydantic_serializer__.to_json(self, exclude_unset=True)


class ItemReference(Form):
    """An item that is kept here."""

    type: Literal["item_reference"] | None = None
    id: str


_Messages = InputMessage | OutputMessage
_BY_ROLE = Kinds("role")


class _ItemKinds(Kinds):
    """By their type, and messages by their role. Without a type it is a message if it has a role, or a reference."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """`Kinds`' own, in which messages are a union of theirs."""
        made = super().__get_pydantic_core_schema__(source, handler)
        assert made["type"] == "tagged-union"
        made["choices"]["message"] = handler.generate_schema(Annotated[_Messages, _BY_ROLE])
        return made

    def chooser(self, source: Any) -> Callable[[Mapping[str, Any]], type[BaseModel] | None]:
        """`Kinds`' own; of messages, by their role."""
        choose, choose_message = super().chooser(source), _BY_ROLE.chooser(_Messages)

        def choose_item(given: Mapping[str, Any]) -> type[BaseModel] | None:
            model = choose(given)
            is_message = model in get_args(_Messages)
            return choose_message(given) if is_message else model

        return choose_item

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Any of them: by its fields, a message without a type may be a reference too."""
        assert schema["type"] == "tagged-union"
        return handler(core_schema.union_schema(list(schema["choices"].values())))

    def _namer(
        self, models: Mapping[str, type[BaseModel]], nested: frozenset[str]
    ) -> Callable[[object], object]:
        name_of = super()._namer(models, nested)

        def name_of_item(given: object) -> object:
            if isinstance(given, dict) and given.get("type") is None:
                return "message" if "role" in given else "item_reference"
            return name_of(given)

        return name_of_item


AnyItem = (
    InputMessage
    | OutputMessage
    | ReasoningItem
    | AdditionalTools
    | Call
    | CallOutput
    | CodeInterpreterCall
    | McpCall
    | McpApprovalRequest
    | McpApprovalResponse
)
OutputItem = TypeAliasType(
    "OutputItem",
    Annotated[
        ReasoningItem | OutputMessage | Call | CodeInterpreterCall | McpCall | McpApprovalRequest,
        Kinds("type"),
    ],
)
InputItem = TypeAliasType("InputItem", Annotated[AnyItem | ItemReference, _ItemKinds("type")])


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
    """The item that was written so, as `Exchanged.written` does. Probabilities of its tokens are not read."""
    return _adapter().validate_json(written)


@functools.cache
def _adapter() -> TypeAdapter[AnyItem]:
    return TypeAdapter(Annotated[AnyItem, _ItemKinds("type")])
