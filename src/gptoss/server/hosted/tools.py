"""Tools that the server runs for a request: which it has asked for, what they need, and where they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gptoss.chat.tool_policy import LoopLimits, ToolPolicy
from gptoss.errors import listed, shown
from gptoss.harmony import PYTHON
from gptoss.server.containers.containers import Container, Containers
from gptoss.server.hosted.choices import AnyChoice, HostedChoice, McpChoice, named_in
from gptoss.server.hosted.declared import (
    LABEL,
    ApprovalFilter,
    AutoContainer,
    CodeInterpreterTool,
    McpTool,
    RunTool,
    ToolFilter,
)
from gptoss.server.hosted_tools import refusal_of
from gptoss.server.wire_errors import ApiError
from gptoss.tools import Approval, Decision, Tool
from gptoss.tools.chosen import ChosenTools
from gptoss.tools.python import DECLARATION, python_tool
from gptoss.tools.sandbox import Hold

Decide = Callable[[Mapping[str, Tool]], Mapping[str, Sequence[Decision]]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request says of tools that the server runs.

    tools           with their places in the request
    max_calls       calls of theirs at most
    last_container  in which the conversation's last call ran; empty: there was none
    pauses          whether the turn ends where a call needs approval, rather than go on without it
    decide          what people have decided of these tools, by the digests of their calls
    """

    tools: Sequence[tuple[str, RunTool]] = ()
    max_calls: int | None = None
    last_container: str = ""
    pauses: bool = False
    decide: Decide = lambda _: {}


@dataclass(frozen=True, slots=True)
class Hosted:
    """Tools of one request that the server runs, how far they may go, and the container of its Python.

    hold  of the container, until the turn is over
    """

    tools: tuple[Tool, ...] = ()
    policy: ToolPolicy = field(default_factory=ToolPolicy)
    container_id: str = ""
    hold: Hold | None = None

    @property
    def asks_python(self) -> bool:
        """Whether a person is asked for calls of Python."""
        return self.policy.floor.get(PYTHON.name) is Approval.ASK

    def release(self) -> None:
        """Let go of the container: the turn is over."""
        if self.hold is not None:
            self.hold.release()


class HostedTools:
    """The tools that a server runs.

    chosen      by its operator
    containers  in which its Python runs
    """

    def __init__(self, chosen: ChosenTools, containers: Containers) -> None:
        self._chosen = chosen
        self._containers = containers

    @property
    def types(self) -> tuple[str, ...]:
        """Their types, as requests declare them."""
        python = ("code_interpreter",) if self._chosen.has_python else ()
        return (*python, *(("mcp",) if self._chosen.functions else ()))

    def require_run(self, choice: AnyChoice | None) -> None:
        """Raises ApiError for a choice of what the server does not run."""
        for place, chosen in named_in(choice):
            if chosen.type not in self.types:
                raise ApiError(
                    400,
                    f"{place}.type: got {chosen.type!r}, {_not_run(chosen)}",
                    param=f"{place}.type",
                )

    def asked(self, wanted: Wanted, owner: str, *, are_run: bool) -> Hosted:
        """What a request asks the server to run; all of it is of its types.

        are_run  False for a request that only asks what the model would read

        Raises ApiError for a container or a function that is not there.
        """
        _require_distinct(wanted.tools)
        tools: list[Tool] = []
        floor, container_id = dict(self._chosen.floor), ""
        session = None
        for where, tool in wanted.tools:
            if isinstance(tool, McpTool):
                found = self._functions(tool, where)
                tools += found
                floor |= _tightened(tool, found, floor)
            elif not are_run:
                tools.append(DECLARATION)
            else:
                container_id = self._container(tool, wanted.last_container, owner)
                container = self._containers.require(container_id, owner)
                session = self._containers.session(container)
                tools.append(python_tool(session))
        policy = ToolPolicy(
            LoopLimits(calls=wanted.max_calls),
            floor=floor,
            pauses=wanted.pauses,
            decisions=wanted.decide({tool.recipient: tool for tool in tools}),
        )
        # Last: what is refused holds nothing.
        hold = None if session is None else session.hold()
        return Hosted(tuple(tools), policy, container_id, hold)

    def _functions(self, tool: McpTool, where: str) -> list[Tool]:
        """Those that a request allows."""
        allowed = tool.allowed_tools
        if allowed is None:
            return list(self._chosen.functions)
        chosen = allowed if isinstance(allowed, ToolFilter) else ToolFilter(tool_names=allowed)
        known = [each.description.name for each in self._chosen.functions]
        for name in chosen.tool_names or ():
            if name not in known:
                raise ApiError(
                    400,
                    f"{where}.allowed_tools: got {shown(name)}, wanted {listed(known)}",
                    param=f"{where}.allowed_tools",
                )
        return list(_filtered(self._chosen.functions, chosen))

    def _container(self, tool: CodeInterpreterTool, last_id: str, owner: str) -> str:
        if isinstance(tool.container, str):
            return self._containers.require(tool.container, owner).id
        auto = tool.container
        file_ids = (auto.file_ids or ()) if isinstance(auto, AutoContainer) else ()
        last = self._last(last_id, owner)
        if last is None:
            return self._containers.create(owner, file_ids=file_ids, is_named=False).id
        for file_id in file_ids:
            # The code may have changed those that are there.
            if file_id not in last.copied:
                self._containers.copy_in(last, file_id)
        return last.id

    def _last(self, last_id: str, owner: str) -> Container | None:
        """The container of the last call, if it is still there."""
        return self._containers.find(last_id, owner) if last_id else None


def _not_run(chosen: HostedChoice) -> str | None:
    if isinstance(chosen, McpChoice) and chosen.server_label == LABEL:
        return "which the server does not have; start it with --tools-module"
    return refusal_of(chosen.type)


def _require_distinct(run: Sequence[tuple[str, RunTool]]) -> None:
    seen: set[str] = set()
    for where, tool in run:
        if tool.type in seen:
            raise ApiError(
                400, f"{where}: got {tool.type} a second time; name it once", param=where
            )
        seen.add(tool.type)


def _filtered(tools: Iterable[Tool], chosen: ToolFilter) -> Iterable[Tool]:
    for tool in tools:
        is_named = chosen.tool_names is None or tool.description.name in chosen.tool_names
        if is_named and (chosen.read_only is None or chosen.read_only is tool.is_read_only):
            yield tool


def _tightened(
    tool: McpTool, found: Sequence[Tool], floor: dict[str, Approval]
) -> dict[str, Approval]:
    """What a request asks for beyond the operator's floor."""
    asked = tool.require_approval
    if asked == "always":
        meant: Iterable[Tool] = found
    elif isinstance(asked, ApprovalFilter) and asked.always is not None:
        meant = _filtered(found, asked.always)
    else:
        return {}
    return {
        each.recipient: floor.get(each.recipient, Approval.ALLOW).or_stricter(Approval.ASK)
        for each in meant
    }
