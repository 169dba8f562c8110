"""A tool choice as chat APIs write it -> whether a tool is called, and which ones may be."""

from __future__ import annotations

from collections.abc import Mapping

from gptoss.errors import SchemaError, listed, shown
from gptoss.structured.rules import ToolChoice

_CHOICES = ", ".join(ToolChoice)
_NAMED = ("function", "custom")


def tool_choice_of(
    choice: object, declared: Mapping[str, str]
) -> tuple[ToolChoice, tuple[str, ...] | None]:
    """Whether a tool is called, and the recipients that may be; None: all of them.

    choice    None (auto, or none where no tool is declared), "auto", "none", "required",
              {"type": "function", "function": {"name"}}, the same with "custom", {"type": KIND} for a tool whose kind
              is its name, or {"type": "allowed_tools", "mode", "tools"};
              what stands in "function", "custom" or "allowed_tools" may also stand beside "type", as the Responses API
              has it
    declared  recipients of the declared tools, and the kind of each. A name means `functions.NAME`, else the tool of
              that very recipient; with "namespace" beside it, `NAMESPACE.NAME`

    Raises SchemaError for anything else, or a tool that is not declared.
    """
    if choice is None:
        return (ToolChoice.AUTO if declared else ToolChoice.NONE), None
    if isinstance(choice, str):
        if choice not in tuple(ToolChoice):
            raise SchemaError(
                f"got the tool choice {shown(choice)}, wanted {_CHOICES} or an object"
            )
        return ToolChoice(choice), None
    if not isinstance(choice, Mapping):
        raise SchemaError(
            f"got {type(choice).__name__} as tool choice, wanted {_CHOICES} or an object"
        )
    kind = choice.get("type")
    if kind != "allowed_tools":
        return ToolChoice.REQUIRED, (_recipient(choice, declared),)
    allowed = choice.get("allowed_tools", choice)
    mode = allowed.get("mode", "auto") if isinstance(allowed, Mapping) else None
    tools = allowed.get("tools") if isinstance(allowed, Mapping) else None
    if mode not in (ToolChoice.AUTO, ToolChoice.REQUIRED) or not isinstance(tools, list | tuple):
        raise SchemaError(
            'got allowed_tools that is not {"mode": "auto" or "required", "tools": [...]}'
        )
    return ToolChoice(mode), tuple(_recipient(tool, declared) for tool in tools)


def _recipient(tool: object, declared: Mapping[str, str]) -> str:
    """Of a tool that is named in a choice."""
    if not isinstance(tool, Mapping):
        raise SchemaError(
            f"got {type(tool).__name__} as a tool of the tool choice, wanted an object"
        )
    kind = tool.get("type")
    fields = tool.get(str(kind), tool) if kind in _NAMED else tool
    name = fields.get("name", kind) if isinstance(fields, Mapping) else None
    if not isinstance(name, str):
        raise SchemaError(
            'got a tool choice without a name, wanted {"type": "function", "function": {"name"}}'
        )
    namespace = fields.get("namespace") if isinstance(fields, Mapping) else None
    meant = (f"functions.{name}", name) if namespace is None else (f"{namespace}.{name}",)
    found = [recipient for recipient in meant if recipient in declared]
    for recipient in found:
        if kind in (None, declared[recipient]):
            return recipient
    if found:
        raise SchemaError(
            f"got the tool choice {shown(name)} of the type {shown(kind)}, which is declared as {declared[found[0]]}; "
            "say that type"
        )
    names = listed(each.removeprefix("functions.") for each in sorted(declared))
    raise SchemaError(
        f"got the tool choice {shown(name)}, wanted a declared tool: {names or 'there is none'}"
    )
