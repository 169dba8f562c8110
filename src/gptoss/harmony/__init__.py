"""Conversations <-> token ids in the harmony format."""

import importlib
from typing import Any

from gptoss.harmony.custom_tools import CustomTool, custom_call
from gptoss.harmony.events import (
    ContentDelta,
    Event,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    Repair,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.harmony.json_form import from_dict, from_json, to_dict, to_json
from gptoss.harmony.layout import Dialect
from gptoss.harmony.messages import (
    Conversation,
    DeveloperContent,
    Message,
    SystemContent,
    declared_recipients,
)
from gptoss.harmony.names import Channel, Effort, Role
from gptoss.harmony.parse import Parser
from gptoss.harmony.render import (
    Part,
    Segment,
    loss_mask,
    render,
    render_for_training,
    stop_ids,
)
from gptoss.harmony.tools import (
    BROWSER,
    PYTHON,
    ResponseFormat,
    ToolDescription,
    ToolNamespace,
    functions,
)

__all__ = [
    "BROWSER",
    "PYTHON",
    "Channel",
    "ContentDelta",
    "Conversation",
    "CustomTool",
    "DeveloperContent",
    "Dialect",
    "Effort",
    "Event",
    "Message",
    "MessageFinished",
    "Parser",
    "Part",
    "PreambleDelta",
    "ReasoningDelta",
    "Repair",
    "ResponseFormat",
    "Role",
    "Segment",
    "SystemContent",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallStarted",
    "ToolDescription",
    "ToolNamespace",
    "custom_call",
    "declared_recipients",
    "from_dict",
    "from_json",
    "functions",
    "loss_mask",
    "render",
    "render_for_training",
    "stop_ids",
    "to_dict",
    "to_json",
]


def __getattr__(name: str) -> Any:
    # Where version 0.1 had it. By its name alone: this layer knows none above it.
    if name == "from_chat":
        return importlib.import_module("gptoss.chat").from_chat
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
