"""Tools of the Responses API as a response says them again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gptoss.chat.types.tools import FlatFunctionTool, FlatGrammarFormat, Tool
from gptoss.server.hosted.declared import CodeInterpreterTool, McpTool
from gptoss.server.hosted_tools import HostedTool
from gptoss.server.responses.types.code_calls import DeclaredCodeInterpreter
from gptoss.server.responses.types.mcp_calls import DeclaredMcp
from gptoss.server.responses.types.tools import (
    ClientRunTool,
    DeclaredCustomTool,
    DeclaredFunction,
    DeclaredNamespace,
    DeclaredShell,
    DeclaredTool,
    NamespaceTool,
    ResponseTool,
    ShellTool,
)

_OwnTool = (
    Tool | NamespaceTool | ShellTool | ClientRunTool | CodeInterpreterTool | McpTool | HostedTool
)


def echoed_tools(tools: Sequence[ResponseTool], run: Collection[str] = ()) -> list[DeclaredTool]:
    """As a response has them; `run`: types of those that the server runs, of which others are left out."""
    return [
        _echoed(tool)
        for tool in tools
        if not isinstance(tool, HostedTool)
        and (tool.type in run or not isinstance(tool, CodeInterpreterTool | McpTool))
    ]


def _echoed(tool: _OwnTool) -> DeclaredTool:
    match tool:
        case NamespaceTool():
            return DeclaredNamespace(
                description=tool.description or "",
                type=tool.type,
                name=tool.name,
                tools=[_echoed_definition(each) for each in tool.tools],
            )
        case ShellTool():
            made = DeclaredShell(type=tool.type)
            if tool.environment is not None:
                made.environment = tool.environment
            return made
        case ClientRunTool():
            return tool
        case CodeInterpreterTool():
            python = DeclaredCodeInterpreter(type=tool.type)
            if tool.container is not None:
                python.container = tool.container
            return python
        case McpTool():
            own = DeclaredMcp(type=tool.type, server_label=tool.server_label)
            if tool.allowed_tools is not None:
                own.allowed_tools = tool.allowed_tools
            if tool.require_approval is not None:
                own.require_approval = tool.require_approval
            return own
    assert not isinstance(tool, HostedTool)
    return _echoed_definition(tool)


def _echoed_definition(tool: Tool) -> DeclaredFunction | DeclaredCustomTool:
    if isinstance(tool, FlatFunctionTool):
        return DeclaredFunction(
            type=tool.type,
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            strict=tool.strict,
        )
    made = DeclaredCustomTool(type=tool.type, name=tool.name)
    if tool.description is not None:
        made.description = tool.description
    if tool.format is not None:
        made.format = tool.format
        if isinstance(tool.format, FlatGrammarFormat):
            made.format = FlatGrammarFormat(
                type=tool.format.type,
                syntax=tool.format.syntax,
                definition=tool.format.definition,
            )
    return made
