"""Conversations <-> token ids in the harmony format."""

from gptoss.harmony.chat_messages import from_chat
from gptoss.harmony.custom_tools import CustomTool, custom_call, custom_from_chat, is_custom
from gptoss.harmony.events import (
    ContentDelta,
    Event,
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
    "custom_from_chat",
    "declared_recipients",
    "from_chat",
    "from_dict",
    "from_json",
    "functions",
    "is_custom",
    "loss_mask",
    "render",
    "render_for_training",
    "stop_ids",
    "to_dict",
    "to_json",
]
