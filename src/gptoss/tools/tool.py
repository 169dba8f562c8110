"""A tool: what the model is told of it, and how a call of it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gptoss.harmony import BROWSER, PYTHON, ToolDescription
from gptoss.structured import Answer
from gptoss.tools.approval import Approval
from gptoss.tools.invocation import Invocation

FUNCTIONS = "functions"
# Namespaces of the system message, whose tools the model was trained to call from its chain of thought.
BUILT_IN = (BROWSER.name, PYTHON.name)
# A call may take so many seconds, as the model was told of its own notebook.
CALL_S = 120.0

# Runs one call: gives a ToolResult, a text, or a value that JSON has room for; or an awaitable of one.
Runner = Callable[[Invocation], object]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, and what an API calls it.

    description   as the model is told of it
    kind          `function`, `custom`, `python`, or one of a client's own, such as `shell`
    namespace     in which it stands; None: it is called by its bare name, as the model was trained to call `python`
    is_strict     whether its arguments must match their schema in every keyword
    text          the shape of its argument where that is bare text; None: the argument is JSON
    run           runs a call here; None: whoever asked for the turn runs it
    is_read_only  whether a call changes nothing
    is_foreign    whether its results may hold what strangers wrote, orders among it
    approval      what a call needs at least
    max_s         seconds that a call may take
    """

    description: ToolDescription
    kind: str = "function"
    namespace: str | None = FUNCTIONS
    is_strict: bool = False
    text: Answer | None = None
    run: Runner | None = field(default=None, compare=False)
    is_read_only: bool = False
    is_foreign: bool = False
    approval: Approval = Approval.ALLOW
    max_s: float = CALL_S

    @property
    def recipient(self) -> str:
        """What a call is addressed to."""
        name = self.description.name
        return name if self.namespace is None else f"{self.namespace}.{name}"

    @property
    def is_wrapped(self) -> bool:
        """Whether it takes text, and a call has that inside JSON."""
        return self.kind == "custom" and self.text is None
