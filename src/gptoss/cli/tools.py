"""Tools of a conversation in a terminal: which there are, what they may do, and a person who is asked."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss.cli.asking import can_ask
from gptoss.cli.notice import escaped
from gptoss.errors import RequestError, shown

if TYPE_CHECKING:
    from gptoss.tools import Approval, ApprovalRequest, Decision, Tool

_PYTHON = "python"
_MOST_ARGUMENTS = 2000


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


@dataclass(slots=True)
class Toolbox:
    """Opened tools.

    floor     what calls need at least, by recipient
    rung      in which sandbox code runs; None: there is no tool that runs any
    """

    tools: list[Tool] = field(default_factory=list)
    floor: dict[str, Approval] = field(default_factory=dict)
    rung: str | None = None


@contextlib.contextmanager
def open_tools(options: ToolOptions) -> Iterator[Toolbox]:
    """The tools, until the conversation is over. Raises RequestError for a name that is none, SandboxError."""
    if not options.names and options.module is None:
        if options.approvals:
            raise RequestError("got --approval without tools, wanted --tools or --tools-module")
        yield Toolbox()
        return
    with contextlib.ExitStack() as stack:
        box = Toolbox()
        for name in (each for text in options.names for each in text.split(",")):
            if name.strip() != _PYTHON:
                raise RequestError(f"got the tool {shown(name)}, wanted {_PYTHON}")
            if box.rung is None:
                _add_python(box, stack)
        if options.module is not None:
            from gptoss.tools.module import module_tools

            box.tools += module_tools(options.module)
        box.floor = _floor(box.tools, options.approvals)
        yield box


def _add_python(box: Toolbox, stack: contextlib.ExitStack) -> None:
    from gptoss.tools.python import python_tool
    from gptoss.tools.sandbox import Session, choose_rung

    rung = choose_rung()
    session = stack.enter_context(Session(rung))
    box.tools.append(python_tool(session))
    box.rung = str(rung.name)


def _floor(tools: Sequence[Tool], given: Sequence[str]) -> dict[str, Approval]:
    from gptoss.tools import Approval

    known = {tool.recipient.removeprefix("functions."): tool for tool in tools}
    floor: dict[str, Approval] = {}
    for text in given:
        name, _, mode = text.rpartition("=")
        if mode not in tuple(Approval):
            raise RequestError(
                f"got --approval {shown(text)}, wanted allow, ask or deny, or one of them for a tool: NAME=ask"
            )
        if name and name not in known:
            raise RequestError(f"got --approval for {shown(name)}, wanted {', '.join(known)}")
        meant = [known[name]] if name else [tool for tool in tools if not tool.is_read_only]
        floor |= {tool.recipient: Approval(mode) for tool in meant}
    return floor


class Person:
    """Asks on the terminal whether a call may run; what it is told to allow always, it allows in this conversation."""

    def __init__(self) -> None:
        self._allowed: set[str] = set()

    def approve(self, request: ApprovalRequest) -> Decision:
        """A person's decision; no where nobody can be asked."""
        from gptoss.tools import Decision

        if request.recipient in self._allowed:
            return Decision(True)
        if not can_ask():
            return Decision(False, "nobody is there to allow it")
        arguments = request.arguments
        if len(arguments) > _MOST_ARGUMENTS:
            left = len(arguments) - _MOST_ARGUMENTS
            arguments = f"{arguments[:_MOST_ARGUMENTS]} ... {left:,} characters more"
        name = escaped(request.recipient.removeprefix("functions."))
        print(f"\n{name} {escaped(arguments)}\n({request.reason})", file=sys.stderr)
        print("run it? [y]es, [N]o, [a]lways: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip().lower()
        if answer in ("a", "always"):
            self._allowed.add(request.recipient)
        return Decision(answer in ("y", "yes", "a", "always"))
