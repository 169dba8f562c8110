"""TurnRequest -> one assistant turn: render, generate, parse; the facade that Python users see."""

from gptoss.chat.chat import Chat
from gptoss.chat.events import (
    ApprovalAsked,
    TextTokens,
    ToolOutput,
    ToolRunFinished,
    ToolRunStarted,
    TurnEvent,
    TurnFinished,
)
from gptoss.chat.messages import from_chat, read_messages
from gptoss.chat.reply import CallRecord, Reply, ToolCall, Usage
from gptoss.chat.request import TurnLimits, TurnRequest
from gptoss.chat.response_format import answer_of
from gptoss.chat.round import Progress
from gptoss.chat.tool_choice import tool_choice_of
from gptoss.chat.tool_policy import Cap, LoopLimits, ToolPolicy
from gptoss.chat.tools import tool_set
from gptoss.chat.turn import Turn, begin_turns
from gptoss.runtime import LoadedModel, load

__all__ = [
    "ApprovalAsked",
    "CallRecord",
    "Cap",
    "Chat",
    "LoadedModel",
    "LoopLimits",
    "Progress",
    "Reply",
    "TextTokens",
    "ToolCall",
    "ToolOutput",
    "ToolPolicy",
    "ToolRunFinished",
    "ToolRunStarted",
    "Turn",
    "TurnEvent",
    "TurnFinished",
    "TurnLimits",
    "TurnRequest",
    "Usage",
    "answer_of",
    "begin_turns",
    "from_chat",
    "load",
    "read_messages",
    "tool_choice_of",
    "tool_set",
]
