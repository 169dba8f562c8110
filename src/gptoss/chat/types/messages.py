"""Messages of a conversation, as chat APIs and datasets have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema
from typing_extensions import TypeAliasType

from gptoss.chat.types.parts import PART_UNREAD, none_of, placeholder
from gptoss.chat.types.words import NAME, Word
from gptoss.forms import Form, Ignored, Kinds, Refused

_TEXT_ALONE = "wanted text: the model reads no other"


def _is_text(part: Mapping[str, Any]) -> bool:
    """Whether it is a text of whatever type: what has a `text` is one."""
    return part.get("text") is not None or part.get("type") == "text"


def _is_named(part: Mapping[str, Any]) -> bool:
    return part.get("type") not in (None, "refusal")


class TextPart(Form):
    """A part of a text, of whatever type. The model reads text alone."""

    unread = PART_UNREAD

    text: str


class RefusalPart(Form):
    """What the assistant refused to do, and why."""

    unread = PART_UNREAD

    type: Literal["refusal"]
    refusal: str

    @property
    def text(self) -> str:
        """As of any part."""
        return self.refusal


class UnreadPart(Form):
    """What a tool gave and the model cannot read: it is told that something stood there."""

    # What has a text is one.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["text"]},
            "then": {"properties": {"text": {"type": "null"}}},
        }
    )
    left_out = "the model reads text alone"

    type: Annotated[Any, none_of("text", "refusal")]

    @property
    def text(self) -> str:
        """In its place."""
        return placeholder(self.type)


_PARTS = Kinds("type", unnamed="text", others=_is_text, refusal=lambda _: _TEXT_ALONE)
Content = str | list[Annotated[TextPart | RefusalPart, _PARTS]]
_OF_TOOLS = Kinds(
    "type",
    unnamed="text",
    others=_is_text,
    rest=lambda part: _is_named(part) and not _is_text(part),
)
ToolContent = str | list[Annotated[TextPart | RefusalPart | UnreadPart, _OF_TOOLS]]


_NAME_UNREAD = {"name": Ignored("the model tells users apart, and nobody else")}
_ASSISTANT_UNREAD = {
    "audio": Refused("the model reads text alone; send what was said as content"),
    "annotations": Ignored("sources of an answer are no part of its text"),
    **_NAME_UNREAD,
}


class InstructionMessage(Form):
    """What the application wants of the model."""

    unread = _NAME_UNREAD

    role: Literal["system", "developer"]
    content: Content


class UserMessage(Form):
    """What the user says."""

    role: Literal["user"]
    content: Content
    name: Word | None = None
    """Which of several users."""


class CalledFunction(Form):
    """A function, and what it was called with."""

    name: Word
    arguments: Any = None
    """JSON as text, or the object itself; null or empty: an empty object."""


class NestedFunctionCall(Form):
    """A call that the assistant made, as Chat Completions has it."""

    id: Any = None
    """Text that the result names."""
    function: CalledFunction


class FlatFunctionCall(CalledFunction):
    """A call that the assistant made, as datasets have it. Of whatever type that is not `custom`."""

    id: Any = None
    """Text that the result names."""


class CalledCustomTool(Form):
    """A custom tool, and the text that it was called with."""

    name: Word
    input: str


class NestedCustomCall(Form):
    """A call of a custom tool that the assistant made, as Chat Completions has it."""

    id: Any = None
    """Text that the result names."""
    type: Literal["custom"]
    custom: CalledCustomTool


class FlatCustomCall(CalledCustomTool):
    """A call of a custom tool that the assistant made, all in one object."""

    id: Any = None
    """Text that the result names."""
    type: Literal["custom"]


AssistantCall = TypeAliasType(
    "AssistantCall",
    Annotated[
        FlatFunctionCall | FlatCustomCall,
        Kinds(
            "type",
            unnamed="function",
            others=lambda _: True,
            nested=(NestedFunctionCall, NestedCustomCall),
        ),
    ],
)


_EXECUTED_UNREAD = {
    "index": Ignored("they stand in their order", lambda _: True),
    "status": Ignored("the output says it", lambda _: True),
    "code_results": Ignored("the model sees no pictures", lambda _: True),
}


class ExecutedTool(Form):
    """A call that was run while the message was written, as replies of this server have it, and of others."""

    unread = _EXECUTED_UNREAD

    id: Any = None
    """Is not needed."""
    type: str
    """`code_interpreter` or `python`: Python; anything else: a function."""
    name: Word | None = None
    """Of the function."""
    arguments: str | None = None
    """JSON as text, or Python."""
    output: str | None = None
    """What the model has read of the result; null: the call was not finished."""
    container_id: str | None = None
    """In which Python ran."""
    reasoning_index: Annotated[int, Field(ge=0)] | None = None
    """How many characters of the message's reasoning stand before it; null: all."""
    content_index: Annotated[int, Field(ge=0)] | None = None
    """How many characters of the message's content stand before it; null: none."""
    before: list[Annotated[int, Field(ge=0)]] | None = None
    """Of these, characters of reasoning and content in turn since the last call; null: the reasoning comes first."""


class AssistantMessage(Form):
    """What the assistant said. Its reasoning is taken from the first of three fields that says something."""

    role: Literal["assistant"]
    unread = _ASSISTANT_UNREAD

    content: Content | None = None
    refusal: str | None = None
    """What it refused to do, and why, where it has no content."""
    reasoning: Content | None = None
    """The chain of thought, which the model sees again while tools run."""
    reasoning_content: Content | None = None
    """The same, as other servers call it."""
    thinking: Content | None = None
    """The same, as datasets call it."""
    executed_tools: list[ExecutedTool] | None = None
    """Calls that were run while it was written, in their order, which the model sees again."""
    tool_calls: list[AssistantCall] | None = None
    function_call: FlatFunctionCall | None = None
    """A call as it was before there were tools. Its result has no id."""


class ToolMessage(Form):
    """The result of a call, after the assistant's message that made it."""

    role: Literal["tool", "function"]
    content: ToolContent
    tool_call_id: str | None = None
    """The `id` of the call; null or empty: the first one that has no result, of those that were made last."""
    name: Annotated[str, WithJsonSchema(NAME)] | None = None
    """The function: which of the calls without a result is meant, or which one, where there is no call."""


ChatMessage = TypeAliasType(
    "ChatMessage",
    Annotated[InstructionMessage | UserMessage | AssistantMessage | ToolMessage, Kinds("role")],
)
