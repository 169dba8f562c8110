"""Tools that the server runs for a response: which a request has asked for, what they need, and where they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gptoss.chat.tool_policy import LoopLimits, ToolPolicy
from gptoss.errors import listed, shown
from gptoss.server.containers.containers import Container, Containers
from gptoss.server.hosted_tools import refusal_of
from gptoss.server.responses.approvals import approvals_of
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.types.code_calls import (
    AutoContainer,
    CodeInterpreterCall,
    CodeInterpreterChoice,
    CodeInterpreterTool,
)
from gptoss.server.responses.types.items import AnyItem
from gptoss.server.responses.types.mcp_calls import ApprovalFilter, McpTool, ToolFilter
from gptoss.server.wire_errors import ApiError
from gptoss.tools import Approval, Tool
from gptoss.tools.chosen import ChosenTools
from gptoss.tools.python import DECLARATION, python_tool
from gptoss.tools.sandbox import Hold


@dataclass(frozen=True, slots=True)
class Hosted:
    """Tools of one response that the server runs, how far they may go, and the container of its Python.

    waiting   ids of the items that ask for the calls that wait, by recipient and arguments
    hold      of the container, until the response is written
    """

    tools: tuple[Tool, ...] = ()
    policy: ToolPolicy = field(default_factory=ToolPolicy)
    container_id: str = ""
    waiting: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    hold: Hold | None = None

    def release(self) -> None:
        """Let go of the container: the response is written."""
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

    def asked(
        self, body: ResponseRequest, items: Sequence[AnyItem], owner: str, *, are_run: bool
    ) -> Hosted:
        """What a request asks the server to run. What it does not run is left out and named in `ignored`.

        items    of the conversation: the container of its last call is gone on with, where the request names none
        are_run  False for a request that only asks what the model would read

        Raises ApiError for a container or a function that is not there, and for what is forced or counted where
        nothing is run.
        """
        own = [
            (index, tool)
            for index, tool in enumerate(body.tools or ())
            if isinstance(tool, CodeInterpreterTool | McpTool)
        ]
        for index, tool in own:
            if tool.type not in self.types:
                body.ignore(f"tools.{index} ({tool.type})")
        self._require_met(body)
        run = [(f"tools.{index}", tool) for index, tool in own if tool.type in self.types]
        _require_distinct(run)
        tools: list[Tool] = []
        floor, container_id = dict(self._chosen.floor), ""
        hold = None
        for where, tool in run:
            if isinstance(tool, McpTool):
                found = self._functions(tool, where)
                tools += found
                floor |= _tightened(tool, found, floor)
            elif not are_run:
                tools.append(DECLARATION)
            else:
                container_id = self._container(tool, items, owner)
                container = self._containers.require(container_id, owner)
                session = self._containers.session(container)
                hold = session.hold()
                tools.append(python_tool(session))
        approvals = approvals_of(items)
        by_recipient = {tool.recipient: tool for tool in tools}
        policy = ToolPolicy(
            LoopLimits(calls=body.max_tool_calls),
            floor=floor,
            pauses=True,
            decisions=approvals.decided(by_recipient),
        )
        return Hosted(tuple(tools), policy, container_id, approvals.waiting_ids, hold)

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

    def _container(self, tool: CodeInterpreterTool, items: Sequence[AnyItem], owner: str) -> str:
        if isinstance(tool.container, str):
            return self._containers.require(tool.container, owner).id
        auto = tool.container
        file_ids = (auto.file_ids or ()) if isinstance(auto, AutoContainer) else ()
        last = self._last(items, owner)
        if last is None:
            return self._containers.create(owner, file_ids=file_ids, is_named=False).id
        for file_id in file_ids:
            # The code may have changed those that are there.
            if file_id not in last.copied:
                self._containers.copy_in(last, file_id)
        return last.id

    def _last(self, items: Sequence[AnyItem], owner: str) -> Container | None:
        """The container of the last call, if it is still there."""
        for item in reversed(items):
            if isinstance(item, CodeInterpreterCall):
                return self._containers.find(item.container_id, owner)
        return None

    def _require_met(self, body: ResponseRequest) -> None:
        """Raises ApiError for what only tools that are run can meet."""
        if body.max_tool_calls is not None and not self.types:
            raise ApiError(
                400,
                f"max_tool_calls: got {body.max_tool_calls}, which is not supported: it counts calls of tools that "
                "the server runs, and there are none",
                param="max_tool_calls",
                code="unsupported_parameter",
            )
        choice = body.tool_choice
        if isinstance(choice, CodeInterpreterChoice) and choice.type not in self.types:
            raise ApiError(
                400,
                f"tool_choice.type: got {choice.type!r}, {refusal_of(choice.type)}",
                param="tool_choice.type",
            )


def _require_distinct(run: Sequence[tuple[str, CodeInterpreterTool | McpTool]]) -> None:
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
