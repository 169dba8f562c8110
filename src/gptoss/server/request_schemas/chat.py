"""Messages of chat requests, as `gptoss.chat.read_messages` reads them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from gptoss.server.request_schemas.form import CalledName, Form, Word


class TextPart(Form):
    """A part of a text. The model reads text alone."""

    type: Any = "text"
    """Whatever has a `text` is text."""
    text: str


Content = str | list[TextPart]


class InstructionMessage(Form):
    """What the application wants of the model."""

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

    name: CalledName
    arguments: Any = ""
    """JSON as text, or the object itself."""


class AssistantCall(Form):
    """A call that the assistant made."""

    id: Any = None
    """Text that the result names."""
    function: CalledFunction


class CalledCustomTool(Form):
    """A custom tool, and the text that it was called with."""

    name: CalledName
    input: str


class AssistantCustomCall(Form):
    """A call of a custom tool that the assistant made."""

    id: Any = None
    """Text that the result names."""
    type: Literal["custom"]
    custom: CalledCustomTool


class AssistantMessage(Form):
    """What the assistant said. Its reasoning is taken from the first of three fields that says something."""

    role: Literal["assistant"]
    content: Content | None = None
    reasoning: Content | None = None
    """The chain of thought, which the model sees again while tools run."""
    reasoning_content: Content | None = None
    """The same, as other servers call it."""
    thinking: Content | None = None
    """The same, as datasets call it."""
    tool_calls: list[AssistantCall | AssistantCustomCall] | None = None


class ToolMessage(Form):
    """The result of a call, after the assistant's message that made it."""

    role: Literal["tool", "function"]
    content: Content
    tool_call_id: str | None = None
    """The `id` of the call; null: the last call before it."""
    name: CalledName | None = None
    """The function, where there is no call."""


ChatMessage = TypeAliasType(
    "ChatMessage",
    Annotated[
        InstructionMessage | UserMessage | AssistantMessage | ToolMessage,
        Field(discriminator="role"),
    ],
)
# What `modalities` may be.
TextAlone = Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)]
ChatMessages = Annotated[list[ChatMessage], Field(min_length=1)]
