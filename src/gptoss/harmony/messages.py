"""What a conversation consists of. Values are immutable; a wrong one is refused when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gptoss.errors import MessageError
from gptoss.harmony.names import (
    Channel,
    Effort,
    Marker,
    Role,
    entries,
    member,
    require_header_word,
)
from gptoss.harmony.tools import ResponseFormat, ToolNamespace, require_distinct


@dataclass(frozen=True, slots=True)
class SystemContent:
    """The system message: who the model is and how it answers. An application's own wishes belong to the developer.

    identity             the opening line; better left as the model was trained with it
    current_date         `YYYY-MM-DD`
    tools                built-in ones: BROWSER, PYTHON
    channels             named as valid; empty: nothing is said of channels
    is_channel_required  whether every message is said to need one
    """

    identity: str | None = "You are ChatGPT, a large language model trained by OpenAI."
    knowledge_cutoff: str | None = "2024-06"
    current_date: str | None = None
    effort: Effort | None = Effort.MEDIUM
    channels: tuple[str, ...] = tuple(Channel)
    tools: tuple[ToolNamespace, ...] = ()
    is_channel_required: bool = True

    def __post_init__(self) -> None:
        if self.effort is not None:
            object.__setattr__(self, "effort", Effort.parse(self.effort))
        for field in ("identity", "knowledge_cutoff", "current_date"):
            _require_text(field, getattr(self, field))
        object.__setattr__(self, "channels", entries("channels", self.channels, str))
        _take_namespaces(self)


@dataclass(frozen=True, slots=True)
class DeveloperContent:
    """What APIs call the system prompt, with the application's functions and the shapes of its answers.

    tools             `functions([...])` for functions; other namespaces are possible
    response_formats  schemas that the model is told of
    """

    instructions: str | None = None
    tools: tuple[ToolNamespace, ...] = ()
    response_formats: tuple[ResponseFormat, ...] = ()

    def __post_init__(self) -> None:
        _require_text("instructions", self.instructions)
        formats = entries("response_formats", self.response_formats, ResponseFormat)
        object.__setattr__(self, "response_formats", formats)
        require_distinct("response formats", (form.name for form in self.response_formats))
        _take_namespaces(self)


def _take_namespaces(content: SystemContent | DeveloperContent) -> None:
    remedy = "; functions([...]) makes one of an application's own"
    object.__setattr__(content, "tools", entries("tools", content.tools, ToolNamespace, remedy))
    require_distinct("tool namespaces", (namespace.name for namespace in content.tools))


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation.

    role         who speaks
    content      text; or a system's or developer's parts
    channel      of assistant and tool messages: `analysis`, `commentary` or `final`
    recipient    whom it is for: `functions.NAME` for a tool call, `assistant` for a tool's result
    content_type such as `json`; after `<|constrain|>`, as the model writes it, the marker is part of it
    name         a tool's full name (`functions.NAME`), or which of several users speaks

    Raises MessageError for an unknown role or a name that a header cannot hold.
    """

    role: Role
    content: str | SystemContent | DeveloperContent
    channel: str | None = None
    recipient: str | None = None
    content_type: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", member(Role, self.role, "role"))
        wanted: dict[type, Role] = {
            SystemContent: Role.SYSTEM,
            DeveloperContent: Role.DEVELOPER,
        }
        kind = type(self.content)
        if not isinstance(self.content, str) and wanted.get(kind) is not self.role:
            raise MessageError(
                f"got {kind.__name__} as the content of a {self.role} message, wanted text"
            )
        for field in ("channel", "recipient", "name"):
            require_header_word(field, getattr(self, field))
        if self.content_type is not None:
            require_header_word("content_type", self.content_type.removeprefix(Marker.CONSTRAIN))
        if self.role is Role.TOOL and self.name is None:
            raise MessageError(
                "got a tool message without a name, wanted the tool's, as in functions.NAME"
            )

    @property
    def text(self) -> str:
        """The content of a message that is plain text, else nothing."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def is_tool_call(self) -> bool:
        """Whether the assistant calls a tool with it."""
        return self.role is Role.ASSISTANT and self.recipient not in (None, "all")

    @property
    def is_reasoning(self) -> bool:
        """Whether it is the assistant's chain of thought, and not a tool called from there."""
        return (
            self.role is Role.ASSISTANT
            and self.channel == Channel.ANALYSIS
            and not self.is_tool_call
        )

    @property
    def is_final(self) -> bool:
        """Whether it is the assistant's answer."""
        return self.role is Role.ASSISTANT and self.channel == Channel.FINAL


Conversation = Sequence[Message]


def declared_recipients(conversation: Iterable[Message]) -> frozenset[str]:
    """Every tool that the conversation's system and developer messages declare, as a call addresses it."""
    return frozenset(
        recipient
        for message in conversation
        if isinstance(message.content, SystemContent | DeveloperContent)
        for namespace in message.content.tools
        for recipient in namespace.recipients
    )


def _require_text(field: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise MessageError(f"got {type(value).__name__} as {field}, wanted text")
