"""Calls of tools that the client runs, as items of replies."""

from __future__ import annotations

from typing import Any

from gptoss.server.client_tools import ClientAction, ClientTool, ExecAction, ShellAction
from gptoss.server.replies import in_order
from gptoss.server.responses.types.calls import (
    Action,
    ApplyPatchCall,
    ClientCall,
    LocalEnvironment,
    LocalShellCall,
    ReplyExecAction,
    ReplyFileDeletion,
    ReplyFileDiff,
    ReplyShellAction,
    ShellCall,
)


def action_of(said: ClientAction) -> Action:
    """What is to be run or changed, as it stands in an item."""
    given = said.model_dump(exclude_none=True)
    match said:
        case ExecAction():
            return in_order(ReplyExecAction, **{"type": "exec", "env": {}, **given})
        case ShellAction():
            return in_order(ReplyShellAction, **given)
    if said.type == "delete_file":
        return in_order(ReplyFileDeletion, **given)
    return in_order(ReplyFileDiff, **given)


def client_call(tool: ClientTool, fields: dict[str, Any]) -> ClientCall:
    """The item of a call; `fields`: all that calls of every tool have, and what the tool has in its field."""
    match tool.name:
        case "local_shell":
            return in_order(LocalShellCall, **fields)
        case "shell":
            environment = in_order(LocalEnvironment, type="local")
            return in_order(ShellCall, **fields, environment=environment)
    return in_order(ApplyPatchCall, **fields)
