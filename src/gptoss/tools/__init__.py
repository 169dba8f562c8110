"""What the model can call: one type of tool, how its calls are run, and what comes back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptoss.tools.approval import Approval, ApprovalRequest, Approver, Decision
    from gptoss.tools.digest import digest_of
    from gptoss.tools.functions import function_tool
    from gptoss.tools.invocation import Invocation
    from gptoss.tools.result import Attachment, Ending, ToolResult
    from gptoss.tools.tool import FUNCTIONS, Runner, Tool
    from gptoss.tools.tool_run import ToolRun
    from gptoss.tools.tool_set import ToolSet

# Loaded when first asked for: a sandbox is opened without grammars, and without the kernels that they bring.
_HOMES = {
    "Approval": "gptoss.tools.approval",
    "ApprovalRequest": "gptoss.tools.approval",
    "Approver": "gptoss.tools.approval",
    "Attachment": "gptoss.tools.result",
    "Decision": "gptoss.tools.approval",
    "Ending": "gptoss.tools.result",
    "FUNCTIONS": "gptoss.tools.tool",
    "Invocation": "gptoss.tools.invocation",
    "Runner": "gptoss.tools.tool",
    "Tool": "gptoss.tools.tool",
    "ToolResult": "gptoss.tools.result",
    "ToolRun": "gptoss.tools.tool_run",
    "ToolSet": "gptoss.tools.tool_set",
    "digest_of": "gptoss.tools.digest",
    "function_tool": "gptoss.tools.functions",
}

__all__ = [
    "FUNCTIONS",
    "Approval",
    "ApprovalRequest",
    "Approver",
    "Attachment",
    "Decision",
    "Ending",
    "Invocation",
    "Runner",
    "Tool",
    "ToolResult",
    "ToolRun",
    "ToolSet",
    "digest_of",
    "function_tool",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gptoss.tools' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
