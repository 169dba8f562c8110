"""Tools of the Responses API: as a request declares them, and as a response says them again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import TypeAliasType

from gptoss.chat.types.choices import (
    NESTED,
    ChoiceName,
    ChosenTools,
    ClientRun,
    NamedChoice,
    NamedOrUntyped,
)
from gptoss.chat.types.formats import TextFormat
from gptoss.chat.types.tools import FlatCustomTool, FlatFunctionTool, FlatGrammarFormat, Tool
from gptoss.chat.types.words import Word
from gptoss.errors import shown
from gptoss.forms import Form, Kinds, field_fault
from gptoss.server.hosted_tools import refusal_of
from gptoss.server.replies import ABSENT, Reply

# What tools may ask for and there is not, and what to do instead.
_REFUSED = {
    "defer_loading": "every tool is told to the model from the start; leave it out",
    "async": "a call waits for its result; leave it out",
}


def _refuse(tool: object) -> object:
    """The same. Raises an error for what a tool asks for and there is not."""
    if not isinstance(tool, dict) or tool.get("type") == "namespace":
        return tool
    for field, remedy in _REFUSED.items():
        if tool.get(field):
            raise field_fault(field, f"got {shown(tool[field])}, which is not supported: {remedy}")
    callers = tool.get("allowed_callers")
    if callers is not None and (not isinstance(callers, list) or "direct" not in callers):
        told = f"got {shown(callers)}, wanted direct among them: the model itself calls"
        raise field_fault("allowed_callers", told)
    for kind in ("function", "custom"):
        if isinstance(tool.get(kind), dict) and "name" not in tool:
            raise field_fault(
                "name", f"got nothing, wanted it, and the rest of {kind!r}, beside the type"
            )
    return tool


def _no_container(place: object) -> str:
    return (
        "wanted 'local': the server has no containers; run the commands yourself, in a container of yours if "
        "need be"
    )


class NamespaceTool(Form):
    """Functions and custom tools under one name, which their calls have as `namespace`."""

    type: Literal["namespace"]
    name: Word
    """Distinct among all namespaces; not `functions`, `python` or `browser`."""
    description: str | None = None
    """For the model."""
    tools: Annotated[
        list[Annotated[Tool, Kinds("type", unnamed="function"), BeforeValidator(_refuse)]],
        Field(min_length=1),
    ]


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

    type: Literal["shell"]
    environment: Annotated[ShellEnvironment, Kinds("type", refusal=_no_container)] | None = None


class ClientRunTool(Form):
    """A program to run, or a file to change, with the client."""

    type: ClientRun


ResponseTool = TypeAliasType(
    "ResponseTool",
    Annotated[
        FlatFunctionTool | FlatCustomTool | NamespaceTool | ShellTool | ClientRunTool,
        Kinds("type", unnamed="function", refusal=refusal_of),
        BeforeValidator(_refuse),
    ],
)
# A choice says its type here.
ResponseToolChoice = TypeAliasType(
    "ResponseToolChoice",
    ChoiceName | Annotated[ChosenTools, Kinds("type", nested=NESTED, refusal=refusal_of)],
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
    DeclaredFunction | DeclaredCustomTool | DeclaredNamespace | ClientRunTool | DeclaredShell,
    Field(discriminator="type"),
]


class EchoedAllowedTools(Reply):
    """Which tools may be called."""

    mode: Literal["auto", "required"]
    type: Literal["allowed_tools"]
    tools: list[NamedOrUntyped]


EchoedChoice = ChoiceName | NamedChoice | EchoedAllowedTools
