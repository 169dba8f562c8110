"""Tools of the Responses API: as a request declares them, and as a response says them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import TypeAliasType

from gptoss.chat.types.choices import ChoiceName, ClientRun, NamedChoice, NamedOrUntyped
from gptoss.chat.types.formats import TextFormat
from gptoss.chat.types.tools import (
    TOOL_UNREAD,
    FlatCustomTool,
    FlatFunctionTool,
    FlatGrammarFormat,
    Tool,
)
from gptoss.chat.types.words import Word
from gptoss.forms import Form, Kinds, field_fault
from gptoss.server.hosted.choices import HostedChoice
from gptoss.server.hosted.declared import CodeInterpreterTool, McpTool, is_own
from gptoss.server.hosted_tools import HostedTool, is_hosted
from gptoss.server.replies import ABSENT, Reply
from gptoss.server.responses.types.code_calls import DeclaredCodeInterpreter
from gptoss.server.responses.types.mcp_calls import DeclaredMcp


def _flat(tool: object) -> object:
    """The same. Raises an error for a tool as Chat Completions has it."""
    if isinstance(tool, dict) and tool.get("type") != "namespace":
        for kind in ("function", "custom"):
            if isinstance(tool.get(kind), dict) and "name" not in tool:
                told = f"got nothing, wanted it, and the rest of {kind!r}, beside the type"
                raise field_fault("name", told)
    return tool


def _no_container(place: object) -> str:
    return (
        "wanted 'local': the server has no containers; run the commands yourself, in a container of yours if "
        "need be"
    )


def _is_left_out(tool: Mapping[str, Any]) -> bool:
    """Whether the server would have to run it, and cannot."""
    return is_hosted(tool) and tool.get("type") != "code_interpreter" and not is_own(tool)


class NamespaceTool(Form):
    """Functions and custom tools under one name, which their calls have as `namespace`."""

    type: Literal["namespace"]
    name: Word
    """Distinct among all namespaces; not `python` or `browser`. `functions` has those that are in none."""
    description: str | None = None
    """For the model."""
    tools: list[Annotated[Tool, Kinds("type", unnamed="function"), BeforeValidator(_flat)]]


class Skill(Form):
    """A directory with instructions that the model may read with the shell."""

    name: str
    description: str
    path: str


class ShellEnvironment(Form):
    """Where commands run: with the client, always."""

    type: Literal["local"]
    skills: list[Skill] | None = None


class ShellTool(Form):
    """A shell that the client has."""

    unread = TOOL_UNREAD

    type: Literal["shell"]
    environment: Annotated[ShellEnvironment, Kinds("type", refusal=_no_container)] | None = None


class ClientRunTool(Form):
    """A program to run, or a file to change, with the client."""

    unread = TOOL_UNREAD

    type: ClientRun


ResponseTool = TypeAliasType(
    "ResponseTool",
    Annotated[
        FlatFunctionTool
        | FlatCustomTool
        | NamespaceTool
        | ShellTool
        | ClientRunTool
        | CodeInterpreterTool
        | McpTool
        | HostedTool,
        Kinds("type", unnamed="function", rest=_is_left_out),
        BeforeValidator(_flat),
    ],
)


class DeclaredFunction(Reply):
    """A function that the model may call."""

    type: Literal["function"]
    name: str
    description: str | None
    parameters: dict[str, Any] | None
    """JSON Schema."""
    strict: bool | None


class DeclaredCustomTool(Reply):
    """A custom tool that the model may call."""

    type: Literal["custom"]
    name: str
    description: str = ABSENT
    format: Annotated[TextFormat | FlatGrammarFormat, Field(discriminator="type")] = ABSENT
    """As the request has it."""


class DeclaredNamespace(Reply):
    """Functions and custom tools under one name."""

    description: str
    type: Literal["namespace"]
    name: str
    tools: list[Annotated[DeclaredFunction | DeclaredCustomTool, Field(discriminator="type")]]


class DeclaredShell(Reply):
    """The shell of the client."""

    type: Literal["shell"]
    environment: ShellEnvironment = ABSENT
    """As the request has it."""


DeclaredTool = Annotated[
    DeclaredFunction
    | DeclaredCustomTool
    | DeclaredNamespace
    | ClientRunTool
    | DeclaredShell
    | DeclaredCodeInterpreter
    | DeclaredMcp,
    Field(discriminator="type"),
]


class EchoedAllowedTools(Reply):
    """Which tools may be called."""

    mode: Literal["auto", "required"]
    type: Literal["allowed_tools"]
    tools: list[NamedOrUntyped | HostedChoice]


EchoedChoice = ChoiceName | NamedChoice | EchoedAllowedTools | HostedChoice
