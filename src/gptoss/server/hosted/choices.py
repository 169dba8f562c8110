"""Which tools are called, as requests say it to a server: their own tools, and those that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from typing_extensions import TypeAliasType

from gptoss.chat.tool_choice import RecipientChoice, recipient_of
from gptoss.chat.types.choices import (
    NESTED_CHOICES,
    ChoiceName,
    KindAlone,
    NamedChoice,
    NamedOrUntyped,
    UntypedChoice,
)
from gptoss.errors import listed, shown
from gptoss.forms import Form, Kinds
from gptoss.harmony import PYTHON
from gptoss.server.hosted.declared import LABEL
from gptoss.server.hosted_tools import refusal_of
from gptoss.server.wire_errors import ApiError
from gptoss.structured import ToolChoice as Mode
from gptoss.tools import FUNCTIONS, ToolSet


class CodeInterpreterChoice(KindAlone):
    """That Python is called."""

    type: Literal["code_interpreter"]


class McpChoice(Form):
    """That a function of the server's operator is called."""

    type: Literal["mcp"]
    server_label: str
    name: str | None = None
    """Which one; null: any of those that the request allows."""


HostedChoice = CodeInterpreterChoice | McpChoice
_Any = NamedOrUntyped | HostedChoice


class AllowedToolList(Form):
    """Some of the declared tools."""

    mode: Literal["auto", "required"] = "auto"
    """Whether one of them may or must be called."""
    tools: list[
        Annotated[_Any, Kinds("type", unnamed="any", nested=NESTED_CHOICES, refusal=refusal_of)]
    ]


class NestedAllowedTools(Form):
    """Which tools may be called, as Chat Completions has it."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedToolList


class FlatAllowedTools(AllowedToolList):
    """Which tools may be called, as the Responses API has it."""

    type: Literal["allowed_tools"]


Chosen = NamedChoice | FlatAllowedTools | HostedChoice
_NESTED = (*NESTED_CHOICES, NestedAllowedTools)
ChatToolChoice = TypeAliasType(
    "ChatToolChoice",
    ChoiceName
    | Annotated[
        Chosen | UntypedChoice,
        Kinds("type", unnamed="any", nested=_NESTED, refusal=refusal_of),
    ],
)
# A choice says its type in the Responses API.
ResponseToolChoice = TypeAliasType(
    "ResponseToolChoice",
    ChoiceName | Annotated[Chosen, Kinds("type", nested=_NESTED, refusal=refusal_of)],
)
AnyChoice = ChoiceName | Chosen | UntypedChoice


def named_in(choice: AnyChoice | None) -> Iterator[tuple[str, HostedChoice]]:
    """Tools in a choice that the server would have to run, and their places."""
    if isinstance(choice, HostedChoice):
        yield "tool_choice", choice
    elif isinstance(choice, FlatAllowedTools):
        for index, each in enumerate(choice.tools):
            if isinstance(each, HostedChoice):
                yield f"tool_choice.tools.{index}", each


def choice_of(choice: AnyChoice | None, tools: ToolSet) -> object:
    """A choice by what the model calls, as a turn takes it.

    tools  that are declared, those that the server runs among them

    Raises ApiError for a function that is not among these, SchemaError for another tool that is not.
    """
    if isinstance(choice, HostedChoice):
        return RecipientChoice(Mode.REQUIRED, tuple(_recipients(choice, tools, "tool_choice")))
    if not isinstance(choice, FlatAllowedTools):
        return choice
    allowed = [
        recipient
        for index, each in enumerate(choice.tools)
        for recipient in _recipients(each, tools, f"tool_choice.tools.{index}")
    ]
    return RecipientChoice(Mode(choice.mode), tuple(dict.fromkeys(allowed)), restricts=True)


def _recipients(chosen: _Any, tools: ToolSet, place: str) -> Iterator[str]:
    if isinstance(chosen, McpChoice):
        yield from _functions(chosen, tools, place)
    elif not isinstance(chosen, CodeInterpreterChoice):
        yield recipient_of(chosen, tools.kinds)
    elif PYTHON.name in tools.tool_by_recipient:
        yield PYTHON.name
    else:
        raise _not_declared(f"{place}.type", chosen.type)


def _functions(chosen: McpChoice, tools: ToolSet, place: str) -> Iterator[str]:
    if chosen.server_label != LABEL:
        raise ApiError(
            400,
            f"{place}.server_label: got {shown(chosen.server_label)}, wanted {LABEL}: other servers are not asked; "
            "connect to them yourself, and declare their tools as functions",
            param=f"{place}.server_label",
        )
    run = [
        recipient
        for recipient, tool in tools.tool_by_recipient.items()
        if tool.run is not None and tool.namespace == FUNCTIONS
    ]
    if not run:
        raise _not_declared(f"{place}.type", chosen.type)
    if chosen.name is None:
        yield from run
    elif (recipient := f"{FUNCTIONS}.{chosen.name}") in run:
        yield recipient
    else:
        names = listed(each.removeprefix(f"{FUNCTIONS}.") for each in run)
        raise ApiError(
            400,
            f"{place}.name: got {shown(chosen.name)}, wanted {names}",
            param=f"{place}.name",
        )


def _not_declared(place: str, kind: str) -> ApiError:
    return ApiError(
        400, f"{place}: got {kind!r}, which tools does not have; declare it there too", param=place
    )
