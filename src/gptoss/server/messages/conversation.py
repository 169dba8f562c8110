"""Messages of Anthropic's API -> the conversation as the model reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gptoss.chat.blocks import Blocks
from gptoss.errors import shown
from gptoss.harmony import Channel, DeveloperContent, Message, Role
from gptoss.server.messages.signature import reasoning_of
from gptoss.server.wire_errors import ApiError

_JSON = "<|constrain|>json"
# Nobody but its maker can read it.
_UNREAD = ("redacted_thinking",)

Json = dict[str, Any]


def instructions(system: str | Sequence[Json] | None) -> str | None:
    """What the application wants of the model. Raises ApiError for blocks that are no text."""
    if isinstance(system, str):
        return system
    return "\n".join(_text_of(block, "system") for block in system) if system else None


def conversation(messages: Sequence[Json]) -> list[Message]:
    """All that was said, results of tools behind their calls. Raises ApiError with the place of what is wrong."""
    reader = _Reader()
    for index, message in enumerate(messages):
        reader.read(message, f"messages.{index}")
    return reader.blocks.messages


class _Reader:
    """Reads message by message."""

    def __init__(self) -> None:
        self.blocks = Blocks()

    def read(self, message: Json, where: str) -> None:
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system"):
            raise ApiError(
                400, f"{where}: got the role {shown(role)}, wanted user or assistant", param=where
            )
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            raise ApiError(400, f"{where}.content: wanted text or a list of blocks", param=where)
        if role == "assistant":
            self._read_assistant(content, where)
        else:
            self._read_said(role, content, where)

    def _read_assistant(self, blocks: list[Json], where: str) -> None:
        """The chain of thought, what was said, and the calls."""
        thoughts, texts = [], []
        calls: list[tuple[Message, str]] = []
        for block in blocks:
            match block.get("type"):
                case "thinking":
                    thoughts.append(_text(block, "thinking", where) or reasoning_of(block))
                case "text":
                    texts.append(_text(block, "text", where))
                case "tool_use":
                    calls.append((_call(block, where), _text(block, "id", where)))
                case kind if kind not in _UNREAD:
                    raise _unknown(kind, where)
        thought, text = "\n".join(thoughts), "".join(texts)
        if thought:
            self.blocks.say(Message(Role.ASSISTANT, thought, Channel.ANALYSIS))
        if text or not (calls or thought):
            channel = Channel.COMMENTARY if calls else Channel.FINAL
            self.blocks.say(Message(Role.ASSISTANT, text, channel))
        for call, call_id in calls:
            self.blocks.call(call, call_id)

    def _read_said(self, role: str, blocks: list[Json], where: str) -> None:
        """Results of tools, and what is said between and after them."""
        texts: list[str] = []
        for block in blocks:
            if block.get("type") != "tool_result":
                texts.append(_text_of(block, where))
                continue
            if texts:
                self._say(role, texts)
                texts = []
            self._read_result(block, where)
        if texts or not blocks:
            self._say(role, texts)

    def _read_result(self, block: Json, where: str) -> None:
        call_id = _text(block, "tool_use_id", where)
        if not self.blocks.result(call_id, _result(block, where)):
            raise ApiError(
                400,
                f"{where}: got a tool's result for the call {shown(call_id)}, but no assistant message before it made "
                "that call; send the call as well",
                param=where,
            )

    def _say(self, role: str, texts: list[str]) -> None:
        text = "\n".join(texts)
        if role == "user":
            self.blocks.say(Message(Role.USER, text))
        else:
            self.blocks.say(Message(Role.DEVELOPER, DeveloperContent(text)))


def _call(block: Json, where: str) -> Message:
    name, arguments = _text(block, "name", where), block.get("input", {})
    text = json.dumps(arguments, ensure_ascii=False)
    return Message(Role.ASSISTANT, text, Channel.COMMENTARY, f"functions.{name}", _JSON)


def _result(block: dict[str, Any], where: str) -> str:
    content = block.get("content")
    content = "" if content is None else content
    if isinstance(content, list):
        content = "\n".join(_text_of(part, where) for part in content)
    if not isinstance(content, str):
        raise ApiError(400, f"{where}: wanted a tool's result to be text or blocks", param=where)
    # The model has no other mark for it.
    return f"Error: {content}" if block.get("is_error") is True else content


def _text_of(block: object, where: str) -> str:
    """Of a block that must be text."""
    kind = block.get("type") if isinstance(block, dict) else type(block).__name__
    if not isinstance(block, dict) or kind != "text":
        raise _unknown(kind, where)
    return _text(block, "text", where)


def _text(block: dict[str, Any], field: str, where: str) -> str:
    value = block.get(field)
    if not isinstance(value, str):
        raise ApiError(
            400,
            f"{where}: got a block of the type {shown(block.get('type'))} whose {field} is no text",
            param=where,
        )
    return value


def _unknown(kind: object, where: str) -> ApiError:
    return ApiError(
        400,
        f"{where}: got a block of the type {shown(kind)}, which the model cannot read",
        param=where,
    )
