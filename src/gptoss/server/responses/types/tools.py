"""Tools that a request declared, as a response says them again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.chat.types.choices import ChoiceName, ChosenTools
from gptoss.chat.types.formats import TextFormat
from gptoss.server.replies import ABSENT, Reply
from gptoss.server.request_schemas.tools import FlatGrammarFormat


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

    type: Literal["namespace"]
    name: str
    description: str
    tools: list[Annotated[DeclaredFunction | DeclaredCustomTool, Field(discriminator="type")]]


class DeclaredClientTool(Reply):
    """A tool with items of its own."""

    type: Literal["local_shell", "apply_patch"]


class DeclaredShell(Reply):
    """The shell of the client."""

    type: Literal["shell"]
    environment: dict[str, Any] = ABSENT
    """As the request has it."""


DeclaredTool = Annotated[
    DeclaredFunction | DeclaredCustomTool | DeclaredNamespace | DeclaredClientTool | DeclaredShell,
    Field(discriminator="type"),
]
EchoedChoice = ChoiceName | ChosenTools
