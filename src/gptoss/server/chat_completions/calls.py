"""Calls of tools in Chat Completions: of functions, and of custom tools, which take text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.chat.reply import ToolCall
from gptoss.chat.tools import FUNCTIONS, ToolSet
from gptoss.server.replies import Reply
from gptoss.server.shared.ids import new_id
from gptoss.server.wrapped_text import unwrapped


class ChatFunction(Reply):
    """A function, and what it is called with."""

    name: str
    arguments: str
    """JSON as text."""


class ChatToolCall(Reply):
    """A call of a function, which the client is to answer with a message of the role `tool`."""

    id: str
    type: Literal["function"]
    function: ChatFunction


class ChatCustomText(Reply):
    """A custom tool, and the text that it is called with."""

    name: str
    input: str


class ChatCustomCall(Reply):
    """A call of a custom tool, which the client is to answer with a message of the role `tool`."""

    id: str
    type: Literal["custom"]
    custom: ChatCustomText


AnyCall = Annotated[ChatToolCall | ChatCustomCall, Field(discriminator="type")]


def call_of(call: ToolCall, tools: ToolSet) -> AnyCall:
    """A whole call."""
    tool = tools.tool_by_recipient.get(f"{FUNCTIONS}.{call.name}")
    text = unwrapped(call.arguments) if tool is not None and tool.is_wrapped else call.arguments
    if tool is not None and tool.kind == "custom":
        custom = ChatCustomText(name=call.name, input=text)
        return ChatCustomCall(id=new_id("call_"), type="custom", custom=custom)
    function = ChatFunction(name=call.name, arguments=text)
    return ChatToolCall(id=new_id("call_"), type="function", function=function)
