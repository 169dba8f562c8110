"""Calls of tools in Chat Completions: of functions, and of custom tools, which take text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.replies import Reply


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
