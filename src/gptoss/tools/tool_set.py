"""The tools of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gptoss.harmony import ToolNamespace
from gptoss.structured import Answer
from gptoss.tools.kept_results import READER
from gptoss.tools.tool import Tool


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
    tool_by_recipient: Mapping[str, Tool] = field(default_factory=dict)
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

    @property
    def has_run_tools(self) -> bool:
        """Whether calls of some are run here."""
        return any(tool.run is not None for tool in self.tool_by_recipient.values())

    @property
    def has_reader(self) -> bool:
        """Whether long results of theirs may be read on with; a tool that is declared by that name counts."""
        return self.has_run_tools and READER.recipient not in self.kinds

    def run_here(self, recipient: str) -> Tool | None:
        """The tool whose calls are run here; None: whoever asked for the turn runs it, or there is none."""
        if recipient == READER.recipient and self.has_reader:
            return READER
        tool = self.tool_by_recipient.get(recipient)
        return None if tool is None or tool.run is None else tool
