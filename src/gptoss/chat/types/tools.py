"""Tools that the model may call: functions, and those that take text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from typing_extensions import TypeAliasType

from gptoss.chat.types.formats import TextFormat
from gptoss.chat.types.words import Filled, Word
from gptoss.forms import Form, Ignored, Kinds, Refused, Typed, Unread


def _is_direct(callers: object) -> bool:
    return callers is None or (isinstance(callers, list) and "direct" in callers)


def _is_model(caller: object) -> bool:
    return caller is None or (isinstance(caller, dict) and caller.get("type") == "direct")


# Of a call and its result.
CALLER = Ignored("the model itself calls", _is_model)
TOOL_UNREAD: Mapping[str, Unread] = {
    "allowed_callers": Refused("the model itself calls; have direct among them", _is_direct),
    "async": Refused("a call waits for its result; leave it out"),
    "cache_control": Ignored("every prompt is cached, for as long as there is room"),
    "defer_loading": Ignored("every tool is told to the model from the start"),
    "eager_input_streaming": Ignored("arguments come as they are written anyway"),
    "input_examples": Ignored("the model is told of the schema alone"),
    "output_schema": Ignored("the model is told of the arguments alone"),
}


class FunctionDefinition(Form):
    """A function of the caller's own."""

    unread = TOOL_UNREAD

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

    unread = TOOL_UNREAD

    type: Literal["function"] = "function"
    function: FunctionDefinition


class FlatFunctionTool(FunctionDefinition):
    """A function, as the Responses API has it."""

    type: Literal["function"] = "function"


class Grammar(Form):
    """What a text must match."""

    syntax: Literal["lark", "regex"]
    """A Lark grammar as llguidance reads it, or a regular expression of Rust's crate `regex`."""
    definition: Filled


class FlatGrammarFormat(Grammar, Typed):
    """Text of a grammar, as the Responses API has it."""

    type: Literal["grammar"]


class NestedGrammarFormat(Form):
    """Text of a grammar, as Chat Completions has it."""

    type: Literal["grammar"]
    grammar: Grammar


class CustomDefinition(Form):
    """A tool of the caller's own that takes text."""

    unread = TOOL_UNREAD

    name: Word
    """Distinct among all tools."""
    description: str | None = None
    """For the model."""
    format: (
        Annotated[TextFormat | FlatGrammarFormat, Kinds("type", nested=(NestedGrammarFormat,))]
        | None
    ) = None
    """What the text may be; null: any."""


class NestedCustomTool(Form):
    """A tool that takes text, as Chat Completions has it."""

    unread = TOOL_UNREAD

    type: Literal["custom"]
    custom: CustomDefinition


class FlatCustomTool(CustomDefinition):
    """A tool that takes text, as the Responses API has it."""

    type: Literal["custom"]


Tool = FlatFunctionTool | FlatCustomTool
NESTED_TOOLS = (NestedFunctionTool, NestedCustomTool)
ChatTool = TypeAliasType(
    "ChatTool", Annotated[Tool, Kinds("type", unnamed="function", nested=NESTED_TOOLS)]
)
