"""The tools of a conversation, in whichever form a caller has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gptoss.errors import MessageError
from gptoss.harmony import BROWSER, PYTHON, ToolDescription, ToolNamespace, functions
from gptoss.harmony.chat_messages import tool_from_chat

Tool = Mapping[str, object] | ToolDescription | ToolNamespace

_BUILT_IN = (BROWSER.name, PYTHON.name)


@dataclass(frozen=True, slots=True)
class ToolSet:
    """Declared tools.

    system     namespaces for the system message, those that the model was trained with
    developer  namespaces for the developer message
    strict     recipients whose arguments must match their schema in every keyword
    """

    system: tuple[ToolNamespace, ...] = ()
    developer: tuple[ToolNamespace, ...] = ()
    strict: tuple[str, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """What calls are addressed to."""
        namespaces = (*self.system, *self.developer)
        return tuple(name for namespace in namespaces for name in namespace.recipients)


def tool_set(tools: Iterable[Tool]) -> ToolSet:
    """From functions as chat APIs take them, descriptions of functions, and whole namespaces.

    Raises MessageError for anything else, or a name that comes twice.
    """
    described: list[ToolDescription] = []
    namespaces: list[ToolNamespace] = []
    strict: list[str] = []
    for tool in tools:
        match tool:
            case ToolNamespace():
                namespaces.append(tool)
            case ToolDescription():
                described.append(tool)
            case Mapping():
                description = tool_from_chat(tool)
                described.append(description)
                if _is_strict(tool):
                    strict.append(f"functions.{description.name}")
            case _:
                raise MessageError(
                    f"got {type(tool).__name__} as a tool, wanted a function as chat APIs have it"
                )
    if described:
        namespaces.append(functions(described))
    return ToolSet(
        tuple(space for space in namespaces if space.name in _BUILT_IN),
        tuple(space for space in namespaces if space.name not in _BUILT_IN),
        tuple(strict),
    )


def _is_strict(tool: Mapping[str, object]) -> bool:
    function = tool.get("function", tool)
    strict = function.get("strict") if isinstance(function, Mapping) else None
    if not isinstance(strict, bool | None):
        raise MessageError(f"got {strict!r} as strict of a tool, wanted true or false")
    return strict is True
