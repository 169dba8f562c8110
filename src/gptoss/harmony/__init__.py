"""Conversations <-> token ids in the harmony format."""

from gptoss.harmony.events import (
    ContentDelta,
    Event,
    PreambleDelta,
    ReasoningDelta,
    Repair,
    ToolCallDelta,
)
from gptoss.harmony.messages import (
    Channel,
    Conversation,
    DeveloperContent,
    Effort,
    Message,
    Role,
    SystemContent,
)
from gptoss.harmony.parse import Parser
from gptoss.harmony.render import RenderedTokens, render, render_for_training, stop_ids

__all__ = [
    "Channel",
    "ContentDelta",
    "Conversation",
    "DeveloperContent",
    "Effort",
    "Event",
    "Message",
    "Parser",
    "PreambleDelta",
    "ReasoningDelta",
    "RenderedTokens",
    "Repair",
    "Role",
    "SystemContent",
    "ToolCallDelta",
    "render",
    "render_for_training",
    "stop_ids",
]
