"""The opening of a conversation: the system's message, and the developer's."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss.harmony import (
    DeveloperContent,
    Message,
    ResponseFormat,
    Role,
    SystemContent,
    ToolNamespace,
)


def opened(
    said: Sequence[Message],
    system: SystemContent,
    *,
    instructions: str | None = None,
    tools: tuple[ToolNamespace, ...] = (),
    told: ResponseFormat | None = None,
) -> list[Message]:
    """The conversation with its opening; one that brings a system's message of its own is left as it is.

    instructions  what an application tells the model; None: the developer's message that `said` begins with
    tools, told   what the developer's message says of tools, and of the shape of the answer
    """
    first = said[0].content if said else None
    if isinstance(first, SystemContent):
        return list(said)
    if instructions is None and isinstance(first, DeveloperContent):
        instructions, said = first.instructions, said[1:]
        tools, formats = (*first.tools, *tools), first.response_formats
    else:
        formats = ()
    developer = DeveloperContent(
        instructions, tools, (*formats, *(() if told is None else (told,)))
    )
    opening = [Message(Role.SYSTEM, system)]
    if developer != DeveloperContent():
        opening.append(Message(Role.DEVELOPER, developer))
    return [*opening, *said]
