"""Tools that the server runs, as requests declare them: Python, and functions of its operator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gptoss.chat.types.tools import TOOL_UNREAD
from gptoss.forms import Form, Ignored, unless

# The one label that a server has: functions of its operator's file.
LABEL = "gptoss"

_AUTO_UNREAD = {
    "memory_limit": Ignored("the operator's limits hold"),
    "network_policy": Ignored("a container has no network", unless({"type": "disabled"})),
}


class AutoContainer(Form):
    """A container that is made, or the one of the conversation's last call."""

    unread = _AUTO_UNREAD

    type: Literal["auto"]
    file_ids: list[str] | None = None
    """Files that are put into it."""


class CodeInterpreterTool(Form):
    """Python that the server runs for the model, in a container, if it runs any (`--tools python`)."""

    unread = TOOL_UNREAD

    type: Literal["code_interpreter"]
    container: str | AutoContainer | None = None
    """A container's id, or how one is made."""


def is_own(tool: Mapping[str, Any]) -> bool:
    """Whether a tool of the type `mcp` is the operator's functions, and no server elsewhere."""
    elsewhere = tool.get("server_url") or tool.get("connector_id") or tool.get("tunnel_id")
    return tool.get("type") == "mcp" and tool.get("server_label") == LABEL and not elsewhere


class ToolFilter(Form):
    """Some of the functions."""

    tool_names: list[str] | None = None
    """Their names."""
    read_only: bool | None = None
    """Those that change nothing."""


class ApprovalFilter(Form):
    """Which functions need approval."""

    always: ToolFilter | None = None
    """These do, whatever the operator has set."""
    never: ToolFilter | None = None
    """These do where the operator has set it."""


_TOOL_UNREAD = {
    **TOOL_UNREAD,
    "server_description": Ignored("the functions have descriptions of their own"),
    "headers": Ignored("nothing is sent elsewhere"),
    "authorization": Ignored("nothing is sent elsewhere"),
    "server_url": Ignored("the functions are the server's own"),
    "connector_id": Ignored("the functions are the server's own"),
    "tunnel_id": Ignored("the functions are the server's own"),
}


class McpTool(Form):
    """Functions of the server's operator, which the server runs for the model (`--tools-module`)."""

    unread = _TOOL_UNREAD

    type: Literal["mcp"]
    server_label: Literal["gptoss"]
    allowed_tools: list[str] | ToolFilter | None = None
    """Which of them; all unless said otherwise."""
    require_approval: Literal["always", "never"] | ApprovalFilter | None = None
    """What needs approval beyond what the operator asks for; a request can only ask for more."""


RunTool = CodeInterpreterTool | McpTool
