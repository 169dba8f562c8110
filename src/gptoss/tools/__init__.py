"""What the model can call: one type of tool, how its calls are run, and what comes back."""

from gptoss.tools.approval import Approval, ApprovalRequest, Approver, Decision
from gptoss.tools.digest import digest_of
from gptoss.tools.functions import function_tool
from gptoss.tools.invocation import Invocation
from gptoss.tools.result import Attachment, Ending, ToolResult
from gptoss.tools.tool import FUNCTIONS, Runner, Tool
from gptoss.tools.tool_run import ToolRun
from gptoss.tools.tool_set import ToolSet

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
