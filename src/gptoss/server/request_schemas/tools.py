"""Tools that the model may call, and which of them it must, as `gptoss.chat` and `gptoss.structured` read them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.chat.types.formats import TextFormat
from gptoss.server.request_schemas.form import Form, Word
from gptoss.structured.rules import MAX_TOOLS


class FunctionDefinition(Form):
    """A function of the caller's own."""

    name: Word
    """Distinct among all tools."""
    description: str | None = None
    """For the model."""
    parameters: dict[str, Any] | None = None
    """JSON Schema of the one object that it takes; null: it takes none."""
    strict: bool | None = None
    """Whether keywords that cannot be enforced are refused, rather than reported in `gptoss.not_enforced`."""


class NestedFunctionTool(Form):
    """A function, as Chat Completions has it."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class FlatFunctionTool(FunctionDefinition):
    """A function, as the Responses API has it."""

    type: Literal["function"] = "function"


class Grammar(Form):
    """What a text must match."""

    syntax: Literal["lark", "regex"]
    """A Lark grammar as llguidance reads it, or a regular expression of Rust's crate `regex`."""
    definition: Annotated[str, Field(min_length=1)]


class FlatGrammarFormat(Grammar):
    """Text of a grammar, as the Responses API has it."""

    type: Literal["grammar"]


class NestedGrammarFormat(Form):
    """Text of a grammar, as Chat Completions has it."""

    type: Literal["grammar"]
    grammar: Grammar


class CustomDefinition(Form):
    """A tool of the caller's own that takes text."""

    name: Word
    """Distinct among all tools."""
    description: str | None = None
    """For the model."""
    format: TextFormat | FlatGrammarFormat | NestedGrammarFormat | None = None
    """What the text may be; null: any."""


class NestedCustomTool(Form):
    """A tool that takes text, as Chat Completions has it."""

    type: Literal["custom"]
    custom: CustomDefinition


class FlatCustomTool(CustomDefinition):
    """A tool that takes text, as the Responses API has it."""

    type: Literal["custom"]


class NamespaceTool(Form):
    """Functions and custom tools under one name, which their calls have as `namespace`."""

    type: Literal["namespace"]
    name: Word
    """Distinct among all namespaces; not `functions`, `python` or `browser`."""
    description: str | None = None
    """For the model."""
    tools: Annotated[list[FlatFunctionTool | FlatCustomTool], Field(min_length=1)]


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
    environment: ShellEnvironment | None = None


class ClientRunTool(Form):
    """A program to run, or a file to change, with the client."""

    type: Literal["local_shell", "apply_patch"]


ChatTools = Annotated[
    list[NestedFunctionTool | FlatFunctionTool | NestedCustomTool | FlatCustomTool],
    Field(max_length=MAX_TOOLS),
]
ResponseTools = Annotated[
    list[FlatFunctionTool | FlatCustomTool | NamespaceTool | ShellTool | ClientRunTool],
    Field(max_length=MAX_TOOLS),
]
