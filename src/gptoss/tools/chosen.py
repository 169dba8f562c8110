"""The tools that an operator has chosen, for one conversation or for a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gptoss.errors import RequestError, listed, shown
from gptoss.harmony import PYTHON
from gptoss.tools.approval import Approval
from gptoss.tools.tool import Tool


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """As they stand on the command line.

    names      of built-in tools, several in one with commas
    module     a Python file of further ones
    approvals  `MODE` for all that are not read-only, or `NAME=MODE`
    """

    names: Sequence[str] = ()
    module: Path | None = None
    approvals: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChosenTools:
    """What came of the options.

    has_python  whether the model may run Python in a sandbox
    functions   of the module
    floor       what calls need at least, by recipient
    """

    has_python: bool = False
    functions: tuple[Tool, ...] = ()
    floor: Mapping[str, Approval] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not self.has_python and not self.functions


def chosen_tools(options: ToolOptions) -> ChosenTools:
    """The tools by their options. Raises RequestError for a name, a file or an approval that is none."""
    names = [each.strip() for text in options.names for each in text.split(",")]
    for name in names:
        if name != PYTHON.name:
            raise RequestError(f"got the tool {shown(name)}, wanted {PYTHON.name}")
    functions: tuple[Tool, ...] = ()
    if options.module is not None:
        from gptoss.tools.module import module_tools

        functions = tuple(module_tools(options.module))
    if options.approvals and not (names or functions):
        raise RequestError("got --approval without tools, wanted --tools or --tools-module")
    return ChosenTools(bool(names), functions, _floor(bool(names), functions, options.approvals))


def _floor(
    has_python: bool, functions: Sequence[Tool], given: Sequence[str]
) -> dict[str, Approval]:
    known = {tool.description.name: tool.recipient for tool in functions}
    changing = [tool.recipient for tool in functions if not tool.is_read_only]
    if has_python:
        known[PYTHON.name] = PYTHON.name
    floor: dict[str, Approval] = {}
    for text in given:
        name, _, mode = text.rpartition("=")
        if mode not in tuple(Approval):
            raise RequestError(
                f"got --approval {shown(text)}, wanted allow, ask or deny, or one of them for a tool: NAME=ask"
            )
        if name and name not in known:
            raise RequestError(f"got --approval for {shown(name)}, wanted {listed(known)}")
        floor |= dict.fromkeys([known[name]] if name else changing, Approval(mode))
    return floor
