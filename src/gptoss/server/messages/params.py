"""What stands inside of requests of Anthropic's Messages API: what was said, tools, and which of them is called."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from gptoss.chat.types.words import CalledName, Word
from gptoss.forms import Form, Kinds
from gptoss.server.hosted_tools import refusal_of

_Read = Kinds("type", but=", which the model cannot read")


class TextBlockParam(Form):
    """Text. The model reads no other blocks of a user's."""

    type: Literal["text"]
    text: str


Text = Annotated[TextBlockParam, _Read]


class ToolResultParam(Form):
    """The result of a call, after the assistant's message that made it."""

    type: Literal["tool_result"]
    tool_use_id: str
    """The `id` of the call."""
    content: str | list[Text] | None = None
    is_error: Any = None
    """true: the model is told that the text is an error."""


class ThinkingBlockParam(Form):
    """The chain of thought, as it came."""

    type: Literal["thinking"]
    thinking: str
    signature: Any = None
    """Where `thinking` is empty, the text is taken from it."""


class RedactedThinkingParam(Form):
    """Is not read."""

    type: Literal["redacted_thinking"]


class ToolUseParam(Form):
    """A call that the assistant made."""

    type: Literal["tool_use"]
    id: str
    name: CalledName
    input: Any = Field(default_factory=dict)
    """A JSON object."""


UserBlock = Annotated[TextBlockParam | ToolResultParam, _Read]
AssistantBlock = Annotated[
    ThinkingBlockParam | RedactedThinkingParam | TextBlockParam | ToolUseParam, _Read
]


class UserParam(Form):
    """What the user says, and results of tools."""

    role: Literal["user", "system"]
    content: str | list[UserBlock]


class AssistantParam(Form):
    """What the assistant said. Where it comes last, it is gone on with."""

    role: Literal["assistant"]
    content: str | list[AssistantBlock]


MessageParam = TypeAliasType("MessageParam", Annotated[UserParam | AssistantParam, Kinds("role")])


class AnyToolChoice(Form):
    """Whether tools may or must be called."""

    type: Literal["auto", "any", "none"]
    disable_parallel_tool_use: bool | None = None


class NamedToolChoice(Form):
    """The tool that must be called."""

    type: Literal["tool"]
    name: str
    """Of a declared tool."""
    disable_parallel_tool_use: bool | None = None


MessageToolChoice = Annotated[AnyToolChoice | NamedToolChoice, Kinds("type")]


class BashTool(Form):
    """A shell that the client has."""

    type: Literal["bash_20241022", "bash_20250124"]
    name: Literal["bash"]


class OldEditorTool(Form):
    """A file editor that the client has."""

    type: Literal["text_editor_20241022", "text_editor_20250124"]
    name: Literal["str_replace_editor"]


class EditorTool(Form):
    """A file editor that the client has."""

    type: Literal["text_editor_20250429", "text_editor_20250728"]
    name: Literal["str_replace_based_edit_tool"]


class MemoryTool(Form):
    """Notes that the client keeps."""

    type: Literal["memory_20250818"]
    name: Literal["memory"]


class OwnTool(Form):
    """A tool of the caller's own."""

    type: Literal["custom"] | None = None
    name: Word
    """Distinct among all tools."""
    description: str | None = None
    """For the model."""
    input_schema: dict[str, Any]
    """JSON Schema of its input."""
    strict: bool | None = None
    """Whether keywords that cannot be enforced are refused."""


FixedTool = BashTool | OldEditorTool | EditorTool | MemoryTool
MessageTool = Annotated[OwnTool | FixedTool, Kinds("type", unnamed="custom", refusal=refusal_of)]
