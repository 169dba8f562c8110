"""Tools that the server runs for a response: which a request has asked for, and where they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gptoss.server.containers.containers import Containers
from gptoss.server.hosted_tools import refusal_of
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.types.code_calls import (
    AutoContainer,
    CodeInterpreterCall,
    CodeInterpreterChoice,
    CodeInterpreterTool,
)
from gptoss.server.responses.types.items import AnyItem
from gptoss.server.wire_errors import ApiError
from gptoss.tools import Tool
from gptoss.tools.python import DECLARATION, python_tool


@dataclass(frozen=True, slots=True)
class Hosted:
    """Tools of one response that the server runs, and the container of its Python."""

    tools: tuple[Tool, ...] = ()
    container_id: str = ""


def hosted_tools(
    body: ResponseRequest,
    items: Sequence[AnyItem],
    containers: Containers,
    owner: str,
    *,
    are_run: bool,
) -> Hosted:
    """What a request asks the server to run. Where it runs none, they are left out and named in `ignored`.

    items    of the conversation: the container of its last call is gone on with, where the request names none
    are_run  False for a request that only asks what the model would read

    Raises ApiError for a container that is not there, and for what is forced or counted where nothing is run.
    """
    found = [
        (index, tool)
        for index, tool in enumerate(body.tools or ())
        if isinstance(tool, CodeInterpreterTool)
    ]
    if not containers.is_open:
        _require_nothing(body)
        body.ignore(*(f"tools.{index} ({tool.type})" for index, tool in found[:1]))
        return Hosted()
    if not found:
        return Hosted()
    if len(found) > 1:
        place = f"tools.{found[1][0]}"
        raise ApiError(
            400, f"{place}: got code_interpreter a second time; name it once", param=place
        )
    if not are_run:
        return Hosted((DECLARATION,))
    index, tool = found[0]
    container_id = _container(tool, f"tools.{index}.container", items, containers, owner)
    session = containers.session(containers.require(container_id, owner))
    return Hosted((python_tool(session),), container_id)


def _container(
    tool: CodeInterpreterTool,
    where: str,
    items: Sequence[AnyItem],
    containers: Containers,
    owner: str,
) -> str:
    if isinstance(tool.container, str):
        return containers.require(tool.container, owner).id
    if isinstance(tool.container, AutoContainer) and tool.container.file_ids:
        raise ApiError(
            400,
            f"{where}.file_ids: got files, which cannot be put into a container yet; leave them out",
            param=f"{where}.file_ids",
        )
    for item in reversed(items):
        if isinstance(item, CodeInterpreterCall):
            last = containers.find(item.container_id, owner)
            if last is not None:
                return last.id
            break
    return containers.create(owner).id


def _require_nothing(body: ResponseRequest) -> None:
    """Raises ApiError for what only tools that are run can meet."""
    if body.max_tool_calls is not None:
        raise ApiError(
            400,
            f"max_tool_calls: got {body.max_tool_calls}, which is not supported: it counts calls of tools that the "
            "server runs, and there are none",
            param="max_tool_calls",
            code="unsupported_parameter",
        )
    if isinstance(body.tool_choice, CodeInterpreterChoice):
        kind = body.tool_choice.type
        raise ApiError(
            400,
            f"tool_choice.type: got {kind!r}, {refusal_of(kind)}",
            param="tool_choice.type",
        )
