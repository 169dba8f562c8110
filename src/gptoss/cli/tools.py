"""Tools of a conversation in a terminal: which there are, what they may do, and a person who is asked."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gptoss.cli.asking import can_ask
from gptoss.cli.notice import escaped

if TYPE_CHECKING:
    from gptoss.tools import Approval, ApprovalRequest, Decision, Tool
    from gptoss.tools.chosen import ToolOptions

_MOST_ARGUMENTS = 2000


@dataclass(slots=True)
class Toolbox:
    """Opened tools.

    floor     what calls need at least, by recipient
    rung      in which sandbox code runs; None: there is no tool that runs any
    """

    tools: list[Tool] = field(default_factory=list)
    floor: Mapping[str, Approval] = field(default_factory=dict)
    rung: str | None = None


@contextlib.contextmanager
def open_tools(options: ToolOptions) -> Iterator[Toolbox]:
    """The tools, until the conversation is over. Raises RequestError for a name that is none, SandboxError."""
    from gptoss.tools.chosen import chosen_tools

    chosen = chosen_tools(options)
    box = Toolbox(list(chosen.functions), chosen.floor)
    with contextlib.ExitStack() as stack:
        if chosen.has_python:
            from gptoss.tools.python import python_tool
            from gptoss.tools.sandbox import Session, choose_rung

            rung = choose_rung()
            box.tools.append(python_tool(stack.enter_context(Session(rung))))
            box.rung = str(rung.name)
        yield box


class Person:
    """Asks on the terminal whether a call may run; what it is told to allow always, it allows in this conversation."""

    def __init__(self) -> None:
        self._allowed: set[str] = set()

    def forget(self) -> None:
        """Ask for every tool again: another conversation begins."""
        self._allowed.clear()

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
        answer = _typed().strip().lower()
        if answer in ("a", "always"):
            self._allowed.add(request.recipient)
        return Decision(answer in ("y", "yes", "a", "always"))


def _typed() -> str:
    """A line of the person's; nothing where Ctrl-C comes in its place, which ends no more than the question."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return ""
    finally:
        signal.signal(signal.SIGINT, before)
