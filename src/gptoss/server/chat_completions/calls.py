"""Calls of tools as the Chat Completions API has them: of functions, and of custom tools, which take text."""

from __future__ import annotations

from gptoss.chat.reply import ToolCall
from gptoss.chat.tools import FUNCTIONS, ToolSet
from gptoss.server.replies import Json
from gptoss.server.shared.ids import new_id
from gptoss.server.wrapped_text import WrappedText, unwrapped


def call_of(call: ToolCall, tools: ToolSet) -> Json:
    """A whole call."""
    tool = tools.tool_by_recipient.get(f"{FUNCTIONS}.{call.name}")
    text = unwrapped(call.arguments) if tool is not None and tool.is_wrapped else call.arguments
    is_custom = tool is not None and tool.kind == "custom"
    return {"id": new_id("call_"), **_said(call.name, text, is_custom=is_custom)}


class CallDeltas:
    """What the calls of one answer add to it, piece by piece."""

    def __init__(self, tools: ToolSet) -> None:
        self._tools = tools
        self._custom: set[int] = set()
        self._wrapped: dict[int, WrappedText] = {}

    def started(self, index: int, recipient: str) -> Json:
        """The beginning of a call."""
        tool = self._tools.tool_by_recipient.get(recipient)
        if tool is not None and tool.kind == "custom":
            self._custom.add(index)
            if tool.is_wrapped:
                self._wrapped[index] = WrappedText()
        said = _said(recipient.removeprefix("functions."), "", is_custom=index in self._custom)
        return {"tool_calls": [{"index": index, "id": new_id("call_"), **said}]}

    def more(self, index: int, text: str) -> Json | None:
        """A piece of a call; None where it says nothing of the text inside it."""
        if index in self._wrapped:
            text = self._wrapped[index].feed(text)
            if not text:
                return None
        field, inner = ("custom", "input") if index in self._custom else ("function", "arguments")
        return {"tool_calls": [{"index": index, field: {inner: text}}]}


def _said(name: str, text: str, *, is_custom: bool) -> Json:
    if is_custom:
        return {"type": "custom", "custom": {"name": name, "input": text}}
    return {"type": "function", "function": {"name": name, "arguments": text}}
