"""What the model can call: one type of tool, how its calls are run, and what comes back."""

from gptoss.tools.tool import FUNCTIONS, Tool
from gptoss.tools.tool_set import ToolSet

__all__ = ["FUNCTIONS", "Tool", "ToolSet"]
