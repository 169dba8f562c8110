"""Messages as inspect-ai has them <-> as chat APIs have them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentReasoning,
    ContentText,
)
from inspect_ai.tool import ToolCall

from gptoss.errors import MessageError, shown

# Of an assistant's message: arguments of its calls by their ids, word for word. inspect-ai keeps them as objects, and
# a model that reads its own call again is to read what it wrote.
ARGUMENTS = "gptoss_arguments"


def to_chat(messages: Sequence[ChatMessage]) -> list[dict[str, object]]:
    """Messages for a chat API. Raises MessageError for pictures and all else that is no text."""
    return [_said(message, f"messages.{index}") for index, message in enumerate(messages)]


def to_inspect(messages: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
    """Messages of a chat API, whose contents are text, for inspect-ai."""
    names: dict[str, str] = {}
    found: list[ChatMessage] = []
    for message in messages:
        text = str(message.get("content") or "")
        match message["role"]:
            case "system" | "developer":
                found.append(ChatMessageSystem(content=text))
            case "user":
                found.append(ChatMessageUser(content=text))
            case "assistant":
                made = _assistant(message, text)
                names |= {call.id: call.function for call in made.tool_calls or ()}
                found.append(made)
            case "tool":
                call_id = str(message["tool_call_id"])
                name = names.get(call_id)
                found.append(ChatMessageTool(content=text, tool_call_id=call_id, function=name))
            case other:
                raise MessageError(
                    f"got a message of the role {shown(other)}, wanted one of a chat API"
                )
    return found


def tool_call(id: str, name: str, arguments: str) -> ToolCall:
    """A call with its arguments read; what is no object is told as the error that inspect-ai gives the model back."""
    try:
        read = json.loads(arguments or "{}")
        if not isinstance(read, dict):
            raise ValueError("wanted an object")
    except (ValueError, RecursionError) as error:
        said = f"the arguments {shown(arguments)} are no JSON object: {error}"
        return ToolCall(id=id, function=name, arguments={}, parse_error=said)
    return ToolCall(id=id, function=name, arguments=read)


def written_arguments(message: ChatMessageAssistant, call: ToolCall) -> str:
    """The arguments of a call as the model wrote them, unless somebody has changed them since."""
    kept = (message.metadata or {}).get(ARGUMENTS)
    written = kept.get(call.id) if isinstance(kept, Mapping) else None
    if isinstance(written, str) and tool_call(call.id, call.function, written) == call:
        return written
    return json.dumps(call.arguments, ensure_ascii=False)


def _said(message: ChatMessage, where: str) -> dict[str, object]:
    match message:
        case ChatMessageAssistant():
            return _assistant_said(message, where)
        case ChatMessageTool():
            text = _text(message.content, where) if message.error is None else message.error.message
            return {
                "role": "tool",
                "content": text,
                "tool_call_id": message.tool_call_id,
                **({} if message.tool_call_id else {"name": message.function}),
            }
    return {"role": message.role, "content": _text(message.content, where)}


def _assistant_said(message: ChatMessageAssistant, where: str) -> dict[str, object]:
    said: dict[str, object] = {"role": "assistant", "content": _text(message.content, where)}
    if not isinstance(message.content, str):
        parts = (part for part in message.content if isinstance(part, ContentReasoning))
        reasoning = "\n\n".join(part.reasoning for part in parts if not part.redacted)
        if reasoning:
            said["reasoning"] = reasoning
    if message.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function, "arguments": written_arguments(message, call)},
            }
            for call in message.tool_calls
        ]
    return said


def _text(content: str | Sequence[Content], where: str) -> str:
    if isinstance(content, str):
        return content
    texts = []
    parts: Sequence[Any] = content
    for part in parts:
        if isinstance(part, ContentText):
            texts.append(part.text)
        elif not isinstance(part, ContentReasoning):
            raise MessageError(
                f"{where}: got content of the type {shown(part.type)}, wanted text: the model reads no other"
            )
    return "\n".join(texts)


def _assistant(message: Mapping[str, Any], text: str) -> ChatMessageAssistant:
    calls, kept = [], {}
    for each in message.get("tool_calls") or ():
        function = each["function"]
        calls.append(tool_call(each["id"], function["name"], function["arguments"]))
        kept[each["id"]] = function["arguments"]
    reasoning = message.get("reasoning")
    content: str | list[Content] = text
    if reasoning:
        content = [ContentReasoning(reasoning=reasoning), ContentText(text=text)]
    return ChatMessageAssistant(
        content=content, tool_calls=calls or None, metadata={ARGUMENTS: kept} if kept else None
    )
