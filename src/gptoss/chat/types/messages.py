"""Messages of a conversation, as chat APIs and datasets have them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema
from typing_extensions import TypeAliasType

from gptoss.chat.types.words import CALLED_NAME, CalledName, Word
from gptoss.errors import shown
from gptoss.forms import Form, Kinds, field_fault


def _readable(part: object) -> object:
    """The same. Raises an error for a part of another kind than text."""
    kind = part.get("type") if isinstance(part, dict) and part.get("text") is None else None
    if kind not in (None, "text"):
        raise field_fault("type", f"got {shown(kind)}, wanted text: the model reads no other")
    return part


class TextPart(Form):
    """A part of a text. The model reads text alone."""

    type: Any = "text"
    """Whatever has a `text` is text."""
    text: str


Content = str | list[Annotated[TextPart, BeforeValidator(_readable)]]


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

    name: CalledName
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
            "type", unnamed="function", others=True, nested=(NestedFunctionCall, NestedCustomCall)
        ),
    ],
)


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
    tool_calls: list[AssistantCall] | None = None


class ToolMessage(Form):
    """The result of a call, after the assistant's message that made it."""

    role: Literal["tool", "function"]
    content: Content
    tool_call_id: str | None = None
    """The `id` of the call; null: the last call before it."""
    name: Annotated[str, WithJsonSchema(CALLED_NAME)] | None = None
    """The function, where there is no call."""


ChatMessage = TypeAliasType(
    "ChatMessage",
    Annotated[InstructionMessage | UserMessage | AssistantMessage | ToolMessage, Kinds("role")],
)
