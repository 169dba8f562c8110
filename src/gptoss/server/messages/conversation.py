"""Messages of Anthropic's API -> the conversation as the model reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TypeVar

from gptoss.chat.blocks import Blocks
from gptoss.chat.types.parts import joined
from gptoss.errors import shown
from gptoss.harmony import Channel, DeveloperContent, Message, Role
from gptoss.server.messages.params import (
    AssistantBlock,
    AssistantParam,
    MessageParam,
    TextBlockParam,
    ThinkingBlockParam,
    ToolResultParam,
    ToolUseParam,
    UserParam,
    text_of,
)
from gptoss.server.messages.signature import reasoning_of
from gptoss.server.wire_errors import ApiError

_HEADER = re.compile(r"x-anthropic-[a-z-]{1,40}: ?[^\n]*")
_JSON = "<|constrain|>json"
_Block = TypeVar("_Block")


def instructions(system: str | Sequence[TextBlockParam] | None) -> str | None:
    """The text that tells what the application wants of the model."""
    if isinstance(system, str):
        return system
    told = [block for block in system or () if not is_header(block)]
    return text_of(told) if told else None


def is_header(block: TextBlockParam) -> bool:
    """Whether a block of instructions is a line for Anthropic's own servers, and nothing for a model.

    Claude Code begins with one that is another in every request: read by the model, all behind it would be computed
    again each time.
    """
    return _HEADER.fullmatch(block.text.strip()) is not None


def conversation(messages: Sequence[MessageParam]) -> list[Message]:
    """All that was said, results of tools behind their calls. Raises ApiError with the place of what is wrong."""
    reader = _Reader()
    last_user = max((n for n, each in enumerate(messages) if each.role == "user"), default=-1)
    for index, message in enumerate(messages):
        if isinstance(message, AssistantParam):
            reader.read_assistant(_blocks(message.content))
        elif message.clear_at != "next_user_message" or index > last_user:
            reader.read_said(message, f"messages.{index}.content")
    return reader.blocks.messages


class _Reader:
    """Reads message by message."""

    def __init__(self) -> None:
        self.blocks = Blocks()

    def read_assistant(self, blocks: Sequence[AssistantBlock]) -> None:
        """The chain of thought, what was said, and the calls."""
        thoughts, texts = [], []
        calls: list[ToolUseParam] = []
        for block in blocks:
            match block:
                case ThinkingBlockParam():
                    thoughts.append(block.thinking or reasoning_of(block.signature))
                case TextBlockParam():
                    texts.append(block.text)
                case ToolUseParam():
                    calls.append(block)
        thought, text = "\n".join(thoughts), "".join(texts)
        if thought:
            self.blocks.say(Message(Role.ASSISTANT, thought, Channel.ANALYSIS))
        if text or not (calls or thought):
            channel = Channel.COMMENTARY if calls else Channel.FINAL
            self.blocks.say(Message(Role.ASSISTANT, text, channel))
        for call in calls:
            self.blocks.call(_call(call), call.id)

    def read_said(self, message: UserParam, where: str) -> None:
        """Results of tools, and what is said between and after them."""
        texts: list[str] = []
        blocks = _blocks(message.content)
        for index, block in enumerate(blocks):
            if not isinstance(block, ToolResultParam):
                texts.append(block.text)
                continue
            if texts:
                self._say(message.role, texts)
                texts = []
            self._read_result(block, f"{where}.{index}")
        if texts or not blocks:
            self._say(message.role, texts)

    def _read_result(self, block: ToolResultParam, where: str) -> None:
        text = text_of(block.content or "")
        # The model has no other mark for it.
        text = f"Error: {text}" if block.is_error is True else text
        if not self.blocks.result(block.tool_use_id, text):
            raise ApiError(
                400,
                f"{where}: got a tool's result for the call {shown(block.tool_use_id)}, but no assistant message "
                "before it made that call; send the call as well",
                param=where,
            )

    def _say(self, role: str, texts: Sequence[str]) -> None:
        text = joined(texts)
        if role == "user":
            self.blocks.say(Message(Role.USER, text))
        else:
            self.blocks.say(Message(Role.DEVELOPER, DeveloperContent(text)))


def _blocks(content: str | Sequence[_Block]) -> Sequence[_Block | TextBlockParam]:
    """Content as blocks, which it may be already."""
    return [TextBlockParam(type="text", text=content)] if isinstance(content, str) else content


def _call(block: ToolUseParam) -> Message:
    text = json.dumps({} if block.input in (None, "") else block.input, ensure_ascii=False)
    name = f"functions.{block.name}"
    return Message(Role.ASSISTANT, text, Channel.COMMENTARY, name, _JSON)
