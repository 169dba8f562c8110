"""One assistant turn: render, generate, parse; the facade that Python users see."""

from gptoss.chat.chat import Chat
from gptoss.chat.events import TurnEvent, TurnFinished
from gptoss.chat.reply import Reply, ToolCall, Usage
from gptoss.runtime import LoadedModel, load

__all__ = [
    "Chat",
    "LoadedModel",
    "Reply",
    "ToolCall",
    "TurnEvent",
    "TurnFinished",
    "Usage",
    "load",
]
