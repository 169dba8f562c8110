"""Conversations in the shape of chat APIs and datasets -> harmony.

The shape: dicts with `role`, `content`, an assistant's reasoning in whichever field it comes back, `tool_calls`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from gptoss.chat.blocks import Blocks, result_of
from gptoss.chat.opening import opened
from gptoss.chat.tools import ToolSet, tool_set
from gptoss.errors import MessageError, shown
from gptoss.harmony import (
    Channel,
    DeveloperContent,
    Message,
    ResponseFormat,
    Role,
    SystemContent,
    custom_call,
)
from gptoss.harmony.frozen_json import freeze, thaw
from gptoss.harmony.names import Marker, entries

# Names under which servers and datasets hand the chain of thought back, the first that says something counts.
REASONING_FIELDS = ("reasoning", "reasoning_content", "thinking")

_JSON = f"{Marker.CONSTRAIN}json"


def from_chat(
    messages: Sequence[Mapping[str, object]],
    *,
    tools: Iterable[Mapping[str, object]] = (),
    response_format: ResponseFormat | None = None,
    system: SystemContent | None = None,
) -> list[Message]:
    """The conversation as harmony messages, the system message first.

    messages         see `read_messages`
    tools            as chat APIs take them: `{"type": "function", "function": {"name", "description", "parameters"}}`,
                     or the inner object alone; and those that take text, see `gptoss.harmony.custom_tools`
    system           None: the default one, without a date

    Raises MessageError for a shape that is none of these, or a result of a call that was never made.
    """
    declared = tool_set(tools)
    said = read_messages(messages, declared)
    return opened(said, system or SystemContent(), tools=declared.developer, told=response_format)


def read_messages(
    messages: Sequence[Mapping[str, object]], tools: ToolSet | None = None
) -> list[Message]:
    """The conversation as harmony messages, without an opening.

    messages  of the roles system, developer, user, assistant, tool; a system's text becomes the developer's
    tools     that are declared: calls of some are bare text

    An assistant's reasoning becomes analysis, its content the answer, or a preamble where tool calls stand beside it.

    Raises MessageError for a shape that is none of these, or a result of a call that was never made.
    """
    reader = _Reader(tools or ToolSet())
    for index, message in enumerate(entries("messages", messages, dict)):
        reader.read(message, f"message {index}")
    return reader.messages


class _Reader:
    """Reads message by message."""

    def __init__(self, tools: ToolSet) -> None:
        self._tools = tools
        self._blocks = Blocks()
        self._last_call: Message | None = None

    @property
    def messages(self) -> list[Message]:
        return self._blocks.messages

    def read(self, message: Mapping[str, object], where: str) -> None:
        match message.get("role"):
            case "system" | "developer":
                content = DeveloperContent(_text(message.get("content"), where))
                self._blocks.say(Message(Role.DEVELOPER, content))
            case "user":
                text = _text(message.get("content"), where)
                self._blocks.say(Message(Role.USER, text, name=_name(message)))
            case "assistant":
                self._read_assistant(message, where)
            case "tool" | "function":
                self._read_result(message, where)
            case role:
                raise MessageError(
                    f"got the role {shown(role)} in {where}, wanted one of {', '.join(Role)}"
                )

    def _read_assistant(self, message: Mapping[str, object], where: str) -> None:
        reasoning = _reasoning(message, where)
        if reasoning:
            self._blocks.say(Message(Role.ASSISTANT, reasoning, Channel.ANALYSIS))
        calls = message.get("tool_calls")
        calls = [] if calls is None else calls
        if not isinstance(calls, Sequence) or isinstance(calls, str):
            raise MessageError(f"got tool_calls in {where} that are not a list")
        content = message.get("content")
        text = "" if content is None else _text(content, where)
        if text or not (calls or reasoning):
            channel = Channel.COMMENTARY if calls else Channel.FINAL
            self._blocks.say(Message(Role.ASSISTANT, text, channel))
        for call in calls:
            self._read_call(call, where)

    def _read_call(self, call: object, where: str) -> None:
        if not isinstance(call, Mapping):
            raise MessageError(f"got a tool call in {where} that is not an object")
        message = (
            self._custom(call, where)
            if call.get("type") == "custom"
            else _function_call(call, where)
        )
        ids = (str(call["id"]),) if isinstance(call.get("id"), str) else ()
        self._blocks.call(message, *ids)
        self._last_call = message

    def _custom(self, call: Mapping[str, object], where: str) -> Message:
        fields = call.get("custom", call)
        fields = fields if isinstance(fields, Mapping) else {}
        name, text = fields.get("name"), fields.get("input")
        if not isinstance(name, str) or not isinstance(text, str):
            raise MessageError(f"got a custom tool call without a name and an input in {where}")
        recipient = f"functions.{name}"
        return custom_call(recipient, text, is_wrapped=recipient not in self._tools.texts)

    def _read_result(self, message: Mapping[str, object], where: str) -> None:
        call_id, name = message.get("tool_call_id"), _name(message)
        if call_id is None:
            self._read_unnamed(message, name, where)
        elif not self._blocks.result(str(call_id), _text(message.get("content"), where)):
            raise _no_call(f" for the call {shown(call_id)}", where)

    def _read_unnamed(self, message: Mapping[str, object], name: str | None, where: str) -> None:
        """A result that does not say of which call: of the last one, or of the function that it names."""
        if self._last_call is None and name is None:
            raise _no_call("", where)
        recipient = f"functions.{name}" if self._last_call is None else self._last_call.recipient
        self._blocks.say(result_of(recipient, _text(message.get("content"), where)))


def _no_call(named: str, where: str) -> MessageError:
    return MessageError(
        f"got a tool's result{named} in {where}, but no assistant message before it made that call; "
        "send the call as well"
    )


def _function_call(call: Mapping[str, object], where: str) -> Message:
    function = call.get("function", call)
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str):
        raise MessageError(f"got a tool call without a function's name in {where}")
    arguments = function.get("arguments", "")
    if not isinstance(arguments, str):
        frozen = freeze(arguments, f"the arguments of {name} in {where}")
        arguments = json.dumps(thaw(frozen), ensure_ascii=False)
    return Message(Role.ASSISTANT, arguments, Channel.COMMENTARY, f"functions.{name}", _JSON)


def _name(message: Mapping[str, object]) -> str | None:
    name = message.get("name")
    if name is not None and not isinstance(name, str):
        raise MessageError(f"got {type(name).__name__} as name, wanted text")
    return name


def _reasoning(message: Mapping[str, object], where: str) -> str:
    given = [message.get(field) for field in REASONING_FIELDS]
    # All are looked at, also those after the one that counts.
    texts = [_text(value, where) for value in given if value is not None]
    return next((text for text in texts if text), "")


def _text(content: object, where: str) -> str:
    """Text, or text parts put together."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(_part(part, where) for part in content)
    raise MessageError(f"got {type(content).__name__} as content of {where}, wanted text")


def _part(part: object, where: str) -> str:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    raise MessageError(
        f"got a part of the type {shown(kind)} in {where}, wanted text: the model reads no other"
    )
