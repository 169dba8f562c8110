"""Tools and tool choices of the Responses API: what the model is told of them, and how a response says them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from typing_extensions import TypeAliasType

from gptoss.chat.tools import FUNCTIONS, DeclaredTool, ToolSet, declared_tool, tool_set
from gptoss.chat.types.choices import (
    NESTED,
    ChoiceName,
    ChosenTools,
    ClientRunChoice,
    FlatAllowedTools,
    NamedChoice,
)
from gptoss.chat.types.formats import TextFormat
from gptoss.errors import shown
from gptoss.forms import Kinds
from gptoss.harmony import BROWSER, PYTHON, ToolDescription
from gptoss.server.client_tools import CLIENT_TOOLS
from gptoss.server.hosted_tools import refusal_of, refuse_hosted
from gptoss.server.replies import in_order
from gptoss.server.request_schemas.tools import FlatGrammarFormat
from gptoss.server.responses.text import wrong
from gptoss.server.responses.types.tools import (
    DeclaredClientTool,
    DeclaredCustomTool,
    DeclaredFunction,
    DeclaredNamespace,
    DeclaredShell,
    EchoedChoice,
)
from gptoss.server.responses.types.tools import DeclaredTool as EchoedTool
from gptoss.server.wire_errors import ApiError

_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")
_CUSTOM_FIELDS = ("name", "description", "format")
# Namespaces that mean something else to the model, or hold the tools without one.
_TAKEN_NAMES = (FUNCTIONS, BROWSER.name, PYTHON.name)
_KINDS = ("function", "custom", "namespace", *CLIENT_TOOLS)
# What tools may ask for and there is not, and what to do instead.
_REFUSED = {
    "defer_loading": "every tool is told to the model from the start; leave it out",
    "async": "a call waits for its result; leave it out",
}

Tool = Mapping[str, Any]
# A choice says its type here.
ResponseToolChoice = TypeAliasType(
    "ResponseToolChoice",
    ChoiceName | Annotated[ChosenTools, Kinds("type", nested=NESTED, refusal=refusal_of)],
)


def tools_of(tools: Sequence[Tool]) -> ToolSet:
    """The declared tools. Raises ApiError and MessageError for what is none, or cannot be had."""
    declared: list[DeclaredTool] = []
    about: dict[str, str] = {}
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if tool.get("type") == "namespace":
            name, description = _namespace(tool, where, about)
            about[name] = description
            inner = tool.get("tools")
            if not isinstance(inner, list) or not inner:
                raise wrong(f"{where}.tools", "a list of functions and custom tools", inner)
            for at, each in enumerate(inner):
                declared.append(_tool(each, f"{where}.tools[{at}]", name))
        else:
            declared.append(_tool(tool, where, FUNCTIONS))
    return tool_set(declared, about)


def echoed_tools(tools: Sequence[Tool]) -> list[EchoedTool]:
    """As a response has them."""
    return [_echoed(tool) for tool in tools]


def echoed_choice(choice: ResponseToolChoice | None) -> EchoedChoice:
    """A tool choice in this API's form, also where it was sent in that of Chat Completions."""
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    if isinstance(choice, ClientRunChoice) and choice.type == "local_shell":
        # OpenAI's types have no choice of it alone; this one means the same.
        return in_order(FlatAllowedTools, type="allowed_tools", mode="required", tools=[choice])
    if isinstance(choice, FlatAllowedTools):
        tools = [_echoed_name(each) for each in choice.tools]
        return in_order(FlatAllowedTools, mode=choice.mode, type=choice.type, tools=tools)
    return _echoed_name(choice)


def _echoed_name(choice: NamedChoice) -> NamedChoice:
    if isinstance(choice, ClientRunChoice):
        return choice
    given = {} if choice.namespace is None else {"namespace": choice.namespace}
    kind: Any = type(choice)
    named: NamedChoice = in_order(kind, type=choice.type, name=choice.name, **given)
    return named


def _namespace(tool: Tool, where: str, known: Mapping[str, str]) -> tuple[str, str]:
    """Its name and description."""
    name, description = tool.get("name"), tool.get("description")
    description = "" if description is None else description
    if not isinstance(name, str):
        raise wrong(f"{where}.name", "the namespace's name", name)
    if not isinstance(description, str):
        raise wrong(f"{where}.description", "text", description)
    if name in _TAKEN_NAMES or name in known:
        reason = "comes twice" if name in known else "means something else to the model"
        raise ApiError(
            400,
            f"got the namespace {shown(name)} in {where}, which {reason}; give it another name",
            param=f"{where}.name",
        )
    return name, description


def _tool(tool: object, where: str, namespace: str) -> DeclaredTool:
    if not isinstance(tool, Mapping):
        raise wrong(where, "a tool: an object", tool)
    kind = tool.get("type", "function")
    for field, remedy in _REFUSED.items():
        if tool.get(field):
            raise ApiError(
                400,
                f"got {field} in {where}, which is not supported: {remedy}",
                param=f"{where}.{field}",
            )
    callers = tool.get("allowed_callers")
    if callers is not None and (not isinstance(callers, list) or "direct" not in callers):
        raise wrong(
            f"{where}.allowed_callers", "direct among them: the model itself calls", callers
        )
    if isinstance(kind, str) and kind in CLIENT_TOOLS and namespace == FUNCTIONS:
        return _client_tool(tool, kind, where)
    if kind not in ("function", "custom"):
        refuse_hosted(kind, f"{where}.type")
        wanted = _KINDS if namespace == FUNCTIONS else ("function", "custom")
        raise wrong(f"{where}.type", ", ".join(wanted), kind)
    if not isinstance(tool.get("name"), str):
        fields = _CUSTOM_FIELDS if kind == "custom" else _FUNCTION_FIELDS
        raise ApiError(
            400,
            f"got no name in {where}, wanted the tool's {', '.join(fields)} beside its type",
            param=f"{where}.name",
        )
    if not isinstance(tool.get("description"), str | None):
        raise wrong(f"{where}.description", "text", tool["description"])
    return declared_tool(_flat(tool), namespace)


def _client_tool(tool: Tool, kind: str, where: str) -> DeclaredTool:
    made = CLIENT_TOOLS[kind]
    description = made.description
    environment = tool.get("environment")
    if kind == "shell" and environment is not None:
        place = environment.get("type") if isinstance(environment, Mapping) else environment
        if place != "local" or not isinstance(environment, Mapping):
            raise ApiError(
                400,
                f"got the environment {shown(place)} in {where}, wanted local: the server has no containers; "
                "run the commands yourself, in a container of yours if need be",
                param=f"{where}.environment",
            )
        description += _skills(environment.get("skills"), f"{where}.environment.skills")
    return DeclaredTool(ToolDescription(kind, description, made.parameters), kind, is_strict=True)


def _skills(skills: object, where: str) -> str:
    """What the model is told of them: it reads their files with the shell."""
    if skills is None or skills == []:
        return ""
    lines = [
        "",
        "Skills, each a directory with instructions in SKILL.md, to be read before its use:",
    ]
    if not isinstance(skills, list):
        raise wrong(where, "a list of skills", skills)
    for index, skill in enumerate(skills):
        fields = skill if isinstance(skill, Mapping) else {}
        name, what, path = (fields.get(each) for each in ("name", "description", "path"))
        if not all(isinstance(each, str) for each in (name, what, path)):
            raise wrong(f"{where}[{index}]", "a skill's name, description and path", skill)
        lines.append(f"- {name} ({path}): {what}")
    return "\n".join(lines)


def _flat(tool: Tool) -> dict[str, Any]:
    """A function or custom tool with the fields that mean something here."""
    kind = tool.get("type", "function")
    fields = _CUSTOM_FIELDS if kind == "custom" else _FUNCTION_FIELDS
    return {"type": kind, **{field: tool.get(field) for field in fields}}


def _echoed(tool: Tool) -> EchoedTool:
    kind = tool.get("type", "function")
    if kind in ("function", "custom"):
        return _echoed_definition(tool)
    given = {name: value for name, value in tool.items() if value is not None}
    if kind == "namespace":
        return in_order(
            DeclaredNamespace,
            description=given.get("description", ""),
            type=kind,
            name=tool["name"],
            tools=[_echoed_definition(each) for each in tool["tools"]],
        )
    if kind != "shell":
        return in_order(DeclaredClientTool, type=kind)
    made = in_order(DeclaredShell, type="shell")
    if "environment" in given:
        made.environment = given["environment"]
    return made


def _echoed_definition(tool: Tool) -> DeclaredFunction | DeclaredCustomTool:
    if tool.get("type", "function") == "function":
        return in_order(DeclaredFunction, **_flat(tool))
    made = in_order(DeclaredCustomTool, type="custom", name=tool["name"])
    if tool.get("description") is not None:
        made.description = tool["description"]
    if tool.get("format") is not None:
        made.format = _echoed_format(tool["format"])
    return made


def _echoed_format(form: Mapping[str, Any]) -> TextFormat | FlatGrammarFormat:
    """A custom tool's format in this API's form, also where it was sent in that of Chat Completions."""
    if form["type"] == "text":
        return in_order(TextFormat, type="text")
    grammar = form.get("grammar", form)
    return in_order(
        FlatGrammarFormat,
        type="grammar",
        syntax=grammar["syntax"],
        definition=grammar["definition"],
    )
