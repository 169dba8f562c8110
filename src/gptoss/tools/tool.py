"""A tool: what the model is told of it, and how a call of it is run."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.harmony import ToolDescription
from gptoss.structured import Answer

FUNCTIONS = "functions"


@dataclass(frozen=True, slots=True)
class Tool:
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
