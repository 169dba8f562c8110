"""Tools of a response that the server runs, of what its request and its conversation say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gptoss.server.hosted.declared import RunTool
from gptoss.server.hosted.tools import Hosted, HostedTools, Wanted
from gptoss.server.responses.approvals import approvals_of
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.types.code_calls import CodeInterpreterCall
from gptoss.server.responses.types.items import AnyItem
from gptoss.server.responses.used_decisions import UsedDecisions
from gptoss.server.wire_errors import ApiError


def hosted_of(
    tools: HostedTools,
    body: ResponseRequest,
    items: Sequence[AnyItem],
    owner: str,
    used: UsedDecisions,
    *,
    are_run: bool,
) -> Hosted:
    """What a request asks the server to run. What it does not run is left out and named in `ignored`.

    items    of the conversation: the container of its last call is gone on with, where the request names none
    used     decisions that count no more
    are_run  False for a request that only asks what the model would read

    Raises ApiError for a container or a function that is not there, and for what is forced or counted where
    nothing is run.
    """
    own = [
        (index, tool) for index, tool in enumerate(body.tools or ()) if isinstance(tool, RunTool)
    ]
    for index, tool in own:
        if tool.type not in tools.types:
            body.ignore(f"tools.{index} ({tool.type})")
    if body.max_tool_calls is not None and not tools.types:
        raise ApiError(
            400,
            f"max_tool_calls: got {body.max_tool_calls}, which is not supported: it counts calls of tools that "
            "the server runs, and there are none",
            param="max_tool_calls",
            code="unsupported_parameter",
        )
    tools.require_run(body.tool_choice)
    wanted = Wanted(
        tools=[(f"tools.{index}", tool) for index, tool in own if tool.type in tools.types],
        max_calls=body.max_tool_calls,
        last_container=_last_container(items),
        pauses=True,
        decide=partial(approvals_of(items).decided, used),
    )
    return tools.asked(wanted, owner, are_run=are_run)


def _last_container(items: Sequence[AnyItem]) -> str:
    """Id of the container in which the last call ran; empty where there was none."""
    calls = (item for item in reversed(items) if isinstance(item, CodeInterpreterCall))
    last = next(calls, None)
    return "" if last is None else last.container_id
