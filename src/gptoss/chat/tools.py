"""The tools of a conversation, in whichever form a caller has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gptoss.errors import MessageError, shown
from gptoss.harmony import (
    BROWSER,
    PYTHON,
    CustomTool,
    ToolDescription,
    ToolNamespace,
)
from gptoss.structured import Answer, AnswerKind

if TYPE_CHECKING:
    from gptoss.chat.types.tools import FlatCustomTool, FlatFunctionTool

FUNCTIONS = "functions"
_BUILT_IN = (BROWSER.name, PYTHON.name)


@dataclass(frozen=True, slots=True)
class DeclaredTool:
    """A tool, and what an API calls it.

    description  as the model is told of it
    kind         `function`, `custom`, or one of a client's own, such as `shell`
    namespace    in which it stands
    is_strict    whether its arguments must match their schema in every keyword
    text         the shape of its argument where that is bare text; None: the argument is JSON
    """

    description: ToolDescription
    kind: str = "function"
    namespace: str = FUNCTIONS
    is_strict: bool = False
    text: Answer | None = None

    @property
    def recipient(self) -> str:
        """What a call is addressed to."""
        return f"{self.namespace}.{self.description.name}"

    @property
    def is_wrapped(self) -> bool:
        """Whether it takes text, and a call has that inside JSON."""
        return self.kind == "custom" and self.text is None


Tool = Mapping[str, object] | ToolDescription | ToolNamespace | DeclaredTool


@dataclass(frozen=True, slots=True)
class ToolSet:
    """Declared tools.

    system      namespaces for the system message, those that the model was trained with
    developer   namespaces for the developer message
    tool_by_recipient  those that were not declared as whole namespaces
    strict      recipients whose arguments must match their schema in every keyword
    texts       recipients whose argument is bare text, and its shape
    kinds       what calls are addressed to, and the kind of each tool; one without a namespace is of a kind of its own
    """

    system: tuple[ToolNamespace, ...] = ()
    developer: tuple[ToolNamespace, ...] = ()
    tool_by_recipient: Mapping[str, DeclaredTool] = field(default_factory=dict)
    # Made once: they are asked for at each call of a conversation.
    strict: tuple[str, ...] = field(init=False, repr=False, compare=False)
    texts: Mapping[str, Answer] = field(init=False, repr=False, compare=False)
    kinds: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tools = self.tool_by_recipient.items()
        strict = tuple(name for name, tool in tools if tool.is_strict)
        texts = {name: tool.text for name, tool in tools if tool.text is not None}
        kinds = {
            recipient: "function" if namespace.tools else recipient
            for namespace in (*self.system, *self.developer)
            for recipient in namespace.recipients
        }
        object.__setattr__(self, "strict", strict)
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "kinds", kinds | {name: tool.kind for name, tool in tools})


def tool_set(tools: Iterable[Tool], about: Mapping[str, str] | None = None) -> ToolSet:
    """From functions and custom tools as chat APIs take them, descriptions of functions, and whole namespaces.

    A custom tool is called with bare text where it has a grammar, else with JSON: `{"input": TEXT}`.

    about  what is said of namespaces that the tools name

    Raises MessageError for anything else, or a name that comes twice.
    """
    whole: list[ToolNamespace] = []
    declared: list[DeclaredTool] = []
    for index, tool in enumerate(tools):
        match tool:
            case ToolNamespace():
                whole.append(tool)
            case DeclaredTool():
                declared.append(tool)
            case ToolDescription():
                declared.append(DeclaredTool(tool))
            case _:
                declared.append(declared_tool(_checked(tool, f"tools.{index}")))
    grouped: dict[str, list[ToolDescription]] = {}
    for each in declared:
        grouped.setdefault(each.namespace, []).append(each.description)
    made = [
        ToolNamespace(name, tuple(group), (about or {}).get(name))
        for name, group in grouped.items()
    ]
    found = ToolSet(
        tuple(space for space in whole if space.name in _BUILT_IN),
        (*(space for space in whole if space.name not in _BUILT_IN), *made),
        {each.recipient: each for each in declared},
    )
    _require_distinct(found)
    return found


def declared_tool(
    tool: FlatFunctionTool | FlatCustomTool, namespace: str = FUNCTIONS
) -> DeclaredTool:
    """A function or a custom tool as the model is told of it."""
    about = tool.description or ""
    if tool.type == "function":
        described = ToolDescription(tool.name, about, tool.parameters)
        return DeclaredTool(described, "function", namespace, is_strict=tool.strict or False)
    custom, text = CustomTool(tool.name, about), None
    if tool.format is not None and tool.format.type == "grammar":
        custom = CustomTool(tool.name, about, tool.format.syntax, tool.format.definition)
        text = Answer(AnswerKind(tool.format.syntax), tool.format.definition)
    return DeclaredTool(custom.described(), "custom", namespace, text=text)


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
