"""Tools and tool choices of the Responses API: what the model is told of them, and how a response says them again."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter

from gptoss.chat.tools import declared_tool, tool_set
from gptoss.chat.types.choices import (
    ClientRunChoice,
    NamedOrUntyped,
    UntypedChoice,
)
from gptoss.errors import shown
from gptoss.harmony import BROWSER, PYTHON, ToolDescription
from gptoss.server.client_tools import CLIENT_TOOLS
from gptoss.server.hosted.choices import (
    CodeInterpreterChoice,
    FlatAllowedTools,
    HostedChoice,
    McpChoice,
    ResponseToolChoice,
)
from gptoss.server.hosted.declared import CodeInterpreterTool, McpTool
from gptoss.server.hosted_tools import HostedTool
from gptoss.server.responses.types.tools import (
    ClientRunTool,
    EchoedAllowedTools,
    EchoedChoice,
    NamespaceTool,
    ResponseTool,
    ShellTool,
    Skill,
)
from gptoss.server.responses.types.tools import DeclaredTool as EchoedTool
from gptoss.server.wire_errors import ApiError
from gptoss.tools import Tool, ToolSet

# Namespaces that mean something else to the model.
_TAKEN_NAMES = (BROWSER.name, PYTHON.name)

_Named = TypeVar("_Named", bound=NamedOrUntyped)


def tools_of(
    tools: Sequence[ResponseTool],
    added: Iterable[Sequence[EchoedTool]] = (),
    hosted: Iterable[Tool] = (),
) -> ToolSet:
    """The declared tools. Raises ApiError and MessageError for names that cannot be had.

    added   further ones, by the items that declare them, oldest first: the last tool of a name counts
    hosted  those that the server runs, as the request has declared them
    """
    about: dict[str, str] = {}
    declared = [*_declared(tools, "tools", about), *hosted]
    known = {tool.recipient: tool for tool in declared}
    if len(known) < len(declared):
        return tool_set(declared, about)
    for each in added:
        told: dict[str, str] = {}
        again = _adapter().validate_python([tool.model_dump(exclude_unset=True) for tool in each])
        known |= {tool.recipient: tool for tool in _declared(again, "input.tools", told)}
        about |= told
    return tool_set(known.values(), about)


@functools.cache
def _adapter() -> TypeAdapter[list[ResponseTool]]:
    return TypeAdapter(list[ResponseTool])


def _declared(tools: Sequence[ResponseTool], where: str, about: dict[str, str]) -> list[Tool]:
    """Each of them; what is said of namespaces goes to `about`."""
    declared: list[Tool] = []
    for index, tool in enumerate(tools):
        match tool:
            case HostedTool() | CodeInterpreterTool() | McpTool():
                pass
            case NamespaceTool():
                _check_name(tool.name, f"{where}.{index}.name", about)
                about[tool.name] = tool.description or ""
                declared += [declared_tool(each, tool.name) for each in tool.tools]
            case ShellTool() | ClientRunTool():
                declared.append(_client_tool(tool))
            case _:
                declared.append(declared_tool(tool))
    return declared


def echoed_choice(choice: ResponseToolChoice | None) -> EchoedChoice:
    """A tool choice as a response has it."""
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    if isinstance(choice, ClientRunChoice) and choice.type == "local_shell":
        # OpenAI's types have no choice of it alone; this one means the same.
        return EchoedAllowedTools(type="allowed_tools", mode="required", tools=[choice])
    if isinstance(choice, HostedChoice):
        return _echoed_hosted(choice)
    if isinstance(choice, FlatAllowedTools):
        tools = [
            _echoed_hosted(each) if isinstance(each, HostedChoice) else _echoed_name(each)
            for each in choice.tools
        ]
        return EchoedAllowedTools(mode=choice.mode, type=choice.type, tools=tools)
    return _echoed_name(choice)


def _echoed_hosted(choice: HostedChoice) -> HostedChoice:
    if isinstance(choice, CodeInterpreterChoice) or choice.name is not None:
        return choice
    return McpChoice(type=choice.type, server_label=choice.server_label)


def _check_name(name: str, where: str, known: Container[str]) -> None:
    """Raises ApiError for a namespace that cannot be called so."""
    if name in _TAKEN_NAMES or name in known:
        reason = "comes twice" if name in known else "means something else to the model"
        raise ApiError(
            400,
            f"{where}: got the namespace {shown(name)}, which {reason}; give it another name",
            param=where,
        )


def _client_tool(tool: ShellTool | ClientRunTool) -> Tool:
    made = CLIENT_TOOLS[tool.type]
    environment = tool.environment if isinstance(tool, ShellTool) else None
    skills = _told_skills(environment.skills or ()) if environment else ""
    description = ToolDescription(tool.type, made.description + skills, made.parameters)
    return Tool(description, tool.type, is_strict=True)


def _told_skills(skills: Sequence[Skill]) -> str:
    """What the model is told of them: it reads their files with the shell."""
    if not skills:
        return ""
    lines = [
        "",
        "Skills, each a directory with instructions in SKILL.md, to be read before its use:",
        *(f"- {each.name} ({each.path}): {each.description}" for each in skills),
    ]
    return "\n".join(lines)


def _echoed_name(choice: _Named) -> _Named:
    if isinstance(choice, ClientRunChoice | UntypedChoice):
        return choice
    given = {} if choice.namespace is None else {"namespace": choice.namespace}
    kind: Any = type(choice)
    named: _Named = kind(type=choice.type, name=choice.name, **given)
    return named
