"""Tools of a chat completion that the server runs, where its operator lets it: an extension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gptoss.chat.types.messages import AssistantMessage, ChatMessage
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.hosted.choices import named_in
from gptoss.server.hosted.declared import McpTool, RunTool
from gptoss.server.hosted.tools import Hosted, Wanted
from gptoss.server.service import Service
from gptoss.server.wire_errors import ApiError

_OPTIONS = {"code_interpreter": "--tools python", "mcp": "--tools-module"}


def hosted_of(service: Service, body: ChatRequest, owner: str, *, are_run: bool) -> Hosted:
    """What a request asks the server to run.

    are_run  False for a request that only asks what the model would read

    Raises ApiError for what it does not run, or not in this API, and as `HostedTools.asked`.
    """
    tools = [
        (f"tools.{index}", tool)
        for index, tool in enumerate(body.tools or ())
        if isinstance(tool, RunTool)
    ]
    _require_run(service, body, tools)
    for place, tool in tools:
        if isinstance(tool, McpTool) and tool.require_approval not in (None, "never"):
            raise ApiError(
                400,
                f"{place}.require_approval: got what nobody can be asked for in this API; ask in /v1/responses",
                param=f"{place}.require_approval",
            )
    if tools and (body.n or 1) > 1:
        raise ApiError(
            400,
            f"got n {body.n} with tools that the server runs, wanted 1: answers would share them; ask several times",
            param="n",
        )
    if body.max_tool_calls is not None and not tools:
        raise ApiError(
            400,
            f"max_tool_calls: got {body.max_tool_calls} without a tool that the server runs; leave it out",
            param="max_tool_calls",
        )
    wanted = Wanted(tools, body.max_tool_calls, _last_container(body.messages))
    return service.hosted.asked(wanted, owner, are_run=are_run)


def _require_run(service: Service, body: ChatRequest, tools: Sequence[tuple[str, RunTool]]) -> None:
    """Raises ApiError for the first tool, or choice of one, that is not run here."""
    for place, kind in _named(body, tools):
        if kind not in service.hosted.types:
            told = f"which the server does not run; start it with {_OPTIONS[kind]} and --chat-tools"
        elif not service.settings.has_chat_tools:
            told = "which the server runs in /v1/responses alone; ask there, or start it with --chat-tools"
        else:
            continue
        raise ApiError(400, f"{place}: got {kind!r}, {told}", param=place)


def _named(body: ChatRequest, tools: Sequence[tuple[str, RunTool]]) -> Iterator[tuple[str, str]]:
    for place, tool in tools:
        yield f"{place}.type", tool.type
    for place, choice in named_in(body.tool_choice):
        yield f"{place}.type", choice.type


def _last_container(messages: Sequence[ChatMessage]) -> str:
    """Id of the container in which the last call ran; empty where there was none."""
    for message in reversed(messages):
        if isinstance(message, AssistantMessage):
            for call in reversed(message.executed_tools or ()):
                if call.container_id:
                    return call.container_id
    return ""
