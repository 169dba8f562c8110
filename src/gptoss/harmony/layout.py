"""A message as the texts between its special tokens, in either dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from gptoss.harmony.messages import Conversation, DeveloperContent, Message, SystemContent
from gptoss.harmony.names import Channel, Marker, Role
from gptoss.harmony.sections import developer_text, system_text
from gptoss.harmony.template import (
    dumps,
    template_arguments,
    template_developer_text,
)


class Dialect(StrEnum):
    """Whose bytes: the official library's, or the released chat template's."""

    HARMONY = "harmony"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Layout:
    """One message. Texts are encoded each on its own; a header may hold markers among them.

    author   after `<|start|>`
    header   from the recipient to before `<|message|>`
    content  after `<|message|>`
    end      what closes it
    """

    author: tuple[str, ...]
    header: tuple[str | Marker, ...]
    content: str
    end: Marker


def lay_out(
    conversation: Conversation, messages: Iterable[Message], dialect: Dialect, *, strict: bool
) -> list[tuple[Message, Layout]]:
    """The messages that are kept of a conversation. Raises MessageError for schemas that expand to too much."""
    has_functions = _has_functions(conversation)
    write: Callable[[Message], Layout]
    if dialect is Dialect.TEMPLATE:

        def write(message: Message) -> Layout:
            return _template(message, has_functions=has_functions)
    else:

        def write(message: Message) -> Layout:
            return _harmony(message, has_functions=has_functions, strict=strict)

    laid_out = [(message, write(message)) for message in messages]
    if dialect is Dialect.TEMPLATE:
        # It writes no developer message that says nothing.
        return [
            (m, layout) for m, layout in laid_out if layout.content or m.role is not Role.DEVELOPER
        ]
    return laid_out


def _has_functions(conversation: Conversation) -> bool:
    return any(
        namespace.name == "functions" and namespace.tools
        for message in conversation
        if isinstance(message.content, DeveloperContent)
        for namespace in message.content.tools
    )


def _harmony(message: Message, *, has_functions: bool, strict: bool) -> Layout:
    match message.content:
        case SystemContent() as system:
            content = system_text(system, has_functions=has_functions, strict=strict)
        case DeveloperContent() as developer:
            content = developer_text(developer, strict=strict)
        case str() as content:
            pass
    # The library closes every assistant message that has a recipient so, even one for all.
    is_call = message.role is Role.ASSISTANT and message.recipient is not None
    end = Marker.CALL if is_call else Marker.END
    return Layout(_author(message), _header(message), content, end)


def _author(message: Message) -> tuple[str, ...]:
    if message.role is Role.TOOL and message.name is not None:
        return (message.name,)
    return (message.role,) if message.name is None else (message.role, f":{message.name}")


def _header(message: Message) -> tuple[str | Marker, ...]:
    parts: list[str | Marker] = []
    if message.recipient is not None and message.recipient != "all":
        parts.append(f" to={message.recipient}")
    if message.channel is not None:
        parts += [Marker.CHANNEL, message.channel]
    if message.content_type is not None:
        word = message.content_type.removeprefix(Marker.CONSTRAIN)
        is_constrained = word != message.content_type
        parts += [" ", Marker.CONSTRAIN, word] if is_constrained else [f" {word}"]
    return tuple(parts)


def _template(message: Message, *, has_functions: bool) -> Layout:
    layout = _harmony(message, has_functions=has_functions, strict=True)
    name = message.recipient or ""
    match message.content:
        case DeveloperContent() as developer:
            return Layout((Role.DEVELOPER,), (), template_developer_text(developer), Marker.END)
        case SystemContent():
            return layout
    if message.is_tool_call and name.startswith("functions."):
        word = (message.content_type or "json").removeprefix(Marker.CONSTRAIN)
        header = (Marker.CHANNEL, f"{Channel.COMMENTARY} {word}")
        arguments = template_arguments(message.text)
        return Layout((f"{Role.ASSISTANT} to={name}",), header, arguments, Marker.CALL)
    if message.role is Role.TOOL:
        header = (Marker.CHANNEL, Channel.COMMENTARY)
        author = f"{message.name} to={Role.ASSISTANT}"
        return Layout((author,), header, dumps(message.text), Marker.END)
    return layout
