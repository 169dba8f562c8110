"""The tools of a conversation, in whichever form a caller has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from gptoss.errors import MessageError, shown
from gptoss.harmony import (
    CustomTool,
    ToolDescription,
    ToolNamespace,
)
from gptoss.structured import Answer, AnswerKind
from gptoss.tools import FUNCTIONS, Tool, ToolSet, function_tool
from gptoss.tools.tool import BUILT_IN

if TYPE_CHECKING:
    from gptoss.chat.types.tools import FlatCustomTool, FlatFunctionTool


ToolForm = Mapping[str, object] | ToolDescription | ToolNamespace | Tool | Callable[..., object]


def tool_set(tools: Iterable[ToolForm], about: Mapping[str, str] | None = None) -> ToolSet:
    """From functions and custom tools as chat APIs take them, descriptions of functions, and whole namespaces, which
    the caller runs; and from Python functions and tools, whose calls are run here.

    A custom tool is called with bare text where it has a grammar, else with JSON: `{"input": TEXT}`.

    about  what is said of namespaces that the tools name

    Raises MessageError for anything else, or a name that comes twice.
    """
    whole: list[ToolNamespace] = []
    declared: list[Tool] = []
    for index, tool in enumerate(tools):
        match tool:
            case ToolNamespace():
                whole.append(tool)
            case Tool():
                declared.append(tool)
            case ToolDescription():
                declared.append(Tool(tool))
            case Callable():
                declared.append(function_tool(tool))
            case str() | int() | float() | None:
                raise MessageError(
                    f"tools.{index}: got {shown(tool)}, wanted a Python function, a tool of gptoss.tools, or an "
                    "object as chat APIs have it"
                )
            case _:
                declared.append(declared_tool(_checked(tool, f"tools.{index}")))
    grouped: dict[str, list[ToolDescription]] = {}
    for each in declared:
        if each.namespace is None:
            about_it = each.description
            whole.append(ToolNamespace(about_it.name, (), about_it.description))
        else:
            grouped.setdefault(each.namespace, []).append(each.description)
    made = [
        ToolNamespace(name, tuple(group), (about or {}).get(name))
        for name, group in grouped.items()
    ]
    found = ToolSet(
        tuple(space for space in whole if space.name in BUILT_IN),
        (*(space for space in whole if space.name not in BUILT_IN), *made),
        {each.recipient: each for each in declared},
    )
    _require_distinct(found)
    return found


def declared_tool(tool: FlatFunctionTool | FlatCustomTool, namespace: str = FUNCTIONS) -> Tool:
    """A function or a custom tool as the model is told of it."""
    about = tool.description or ""
    if tool.type == "function":
        described = ToolDescription(tool.name, about, tool.parameters)
        return Tool(described, "function", namespace, is_strict=tool.strict or False)
    custom, text = CustomTool(tool.name, about), None
    if tool.format is not None and tool.format.type == "grammar":
        custom = CustomTool(tool.name, about, tool.format.syntax, tool.format.definition)
        text = Answer(AnswerKind(tool.format.syntax), tool.format.definition)
    return Tool(custom.described(), "custom", namespace, text=text)


def _checked(tool: object, where: str) -> FlatFunctionTool | FlatCustomTool:
    # Loaded when first asked for: most conversations declare no tool.
    from gptoss.chat.types.tools import ChatTool
    from gptoss.forms import checked

    made: FlatFunctionTool | FlatCustomTool = checked(ChatTool, tool, where, MessageError)
    return made


def _require_distinct(tools: ToolSet) -> None:
    """A name with a dot in it may make two of one recipient."""
    seen: set[str] = set()
    for namespace in (*tools.system, *tools.developer):
        for recipient in namespace.recipients:
            if recipient in seen:
                raise MessageError(
                    f"got two tools that are called by {shown(recipient)}, wanted distinct names"
                )
            seen.add(recipient)
