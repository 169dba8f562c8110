"""What stands inside of requests of Anthropic's Messages API: what was said, tools, and which of them is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict
from typing_extensions import TypeAliasType

from gptoss.chat.types.parts import PART_UNREAD, joined, none_of, placeholder
from gptoss.chat.types.tools import CALLER, TOOL_UNREAD
from gptoss.chat.types.words import Word
from gptoss.forms import Form, Ignored, Kinds, unless
from gptoss.server.hosted_tools import HostedTool, is_hosted

_Read = Kinds("type", but=", which the model cannot read")


class TextBlockParam(Form):
    """Text."""

    unread = PART_UNREAD

    type: Literal["text"]
    text: str


Text = Annotated[TextBlockParam, _Read]


class TextSource(Form):
    """A text as it is."""

    type: Literal["text"]
    media_type: Any = None
    data: str


class ContentSource(Form):
    """A text in blocks."""

    type: Literal["content"]
    content: str | list[Text]


class DocumentParam(Form):
    """A document, if it is text: its title, what is said of it, and the text."""

    unread = PART_UNREAD

    type: Literal["document"]
    source: Annotated[TextSource | ContentSource, _Read]
    title: str | None = None
    context: str | None = None

    @property
    def text(self) -> str:
        """As the model reads it."""
        source = self.source
        body = source.data if isinstance(source, TextSource) else text_of(source.content)
        return joined((self.title or "", self.context or "", body))


class SearchResultParam(Form):
    """Something that a search found: its title, where it is from, and the text."""

    unread = PART_UNREAD

    type: Literal["search_result"]
    source: str
    title: str
    content: list[Text]

    @property
    def text(self) -> str:
        """As the model reads it."""
        return joined((self.title, self.source, text_of(self.content)))


class ToolReferenceParam(Form):
    """A tool that was looked for and found. Its declaration stands among the request's tools."""

    unread = PART_UNREAD

    type: Literal["tool_reference"]
    tool_name: str

    @property
    def text(self) -> str:
        """As the model reads it."""
        return f"Found the tool {self.tool_name}."


_NO_TEXT_SOURCE: JsonDict = {
    "type": "object",
    "properties": {"type": {"not": {"enum": ["text", "content"]}}},
}


class UnreadBlockParam(Form):
    """What a tool gave and the model cannot read: it is told that something stood there."""

    # A document, if its source is no text.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": "document"}}},
            "then": {"properties": {"source": _NO_TEXT_SOURCE}, "required": ["source"]},
        }
    )
    left_out = "the model reads text alone"

    type: Annotated[Any, none_of("text", "search_result", "tool_reference")]

    @property
    def text(self) -> str:
        """In its place."""
        return placeholder(self.type)


def _is_no_text(block: Mapping[str, Any]) -> bool:
    """Whether it is something that the model cannot read, in a tool's result."""
    kind, source = block.get("type"), block.get("source")
    if kind == "document":
        return isinstance(source, dict) and source.get("type") not in ("text", "content")
    return kind not in (None, "text", "search_result", "tool_reference")


Readable = TextBlockParam | DocumentParam | SearchResultParam
Result = Readable | ToolReferenceParam | UnreadBlockParam
ResultBlock = Annotated[Result, Kinds("type", rest=_is_no_text)]


def text_of(content: str | Sequence[Result]) -> str:
    """The text of what is said to the model."""
    return content if isinstance(content, str) else joined(block.text for block in content)


_OF_CALLER = {
    "cache_control": PART_UNREAD["cache_control"],
    "caller": CALLER,
    "toolset_name": Ignored("tools are known by their names alone"),
}


class ToolResultParam(Form):
    """The result of a call, after the assistant's message that made it."""

    unread = _OF_CALLER

    type: Literal["tool_result"]
    tool_use_id: str
    """The `id` of the call."""
    content: str | list[ResultBlock] | None = None
    is_error: Any = None
    """true: the model is told that the text is an error."""


class ThinkingBlockParam(Form):
    """The chain of thought, as it came."""

    type: Literal["thinking"]
    thinking: str
    signature: Any = None
    """Where `thinking` is empty, the text is taken from it."""


class RedactedThinkingParam(Form):
    """Is not read: nobody but Anthropic can."""

    left_out = "nobody but who wrote it can read it"

    type: Literal["redacted_thinking"]


class ToolUseParam(Form):
    """A call that the assistant made."""

    unread = _OF_CALLER

    type: Literal["tool_use"]
    id: str
    name: Word
    input: Any = Field(default_factory=dict)
    """A JSON object."""


_TURN_UNREAD = {"output_config": Ignored("effort is the whole request's")}
UserBlock = Annotated[Readable | ToolResultParam, _Read]
AssistantBlock = Annotated[
    ThinkingBlockParam | RedactedThinkingParam | TextBlockParam | ToolUseParam, _Read
]


class UserParam(Form):
    """What the user says, and results of tools."""

    unread = _TURN_UNREAD

    role: Literal["user", "system"]
    content: str | list[UserBlock]
    clear_at: Literal["next_user_message", "never"] | None = None
    """Of a system's message: whether it is left out once a user's message stands behind it."""


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


_FIXED_UNREAD = {
    **TOOL_UNREAD,
    "strict": Ignored("its arguments are always held to the schema", unless(True)),
    "max_characters": Ignored("the client cuts what it shows"),
}


class BashTool(Form):
    """A shell that the client has."""

    unread = _FIXED_UNREAD

    type: Literal["bash_20241022", "bash_20250124"]
    name: Literal["bash"]


class OldEditorTool(Form):
    """A file editor that the client has."""

    unread = _FIXED_UNREAD

    type: Literal["text_editor_20241022", "text_editor_20250124"]
    name: Literal["str_replace_editor"]


class EditorTool(Form):
    """A file editor that the client has."""

    unread = _FIXED_UNREAD

    type: Literal["text_editor_20250429", "text_editor_20250728"]
    name: Literal["str_replace_based_edit_tool"]


class MemoryTool(Form):
    """Notes that the client keeps."""

    unread = _FIXED_UNREAD

    type: Literal["memory_20250818"]
    name: Literal["memory"]


class OwnTool(Form):
    """A tool of the caller's own."""

    unread = TOOL_UNREAD

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
ToldTool = OwnTool | FixedTool
MessageTool = Annotated[ToldTool | HostedTool, Kinds("type", unnamed="custom", rest=is_hosted)]
