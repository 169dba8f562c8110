"""Conversations in the shape of chat APIs and datasets -> harmony.

The shape: dicts with `role`, `content`, an assistant's reasoning in whichever field it comes back, `tool_calls`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from gptoss.errors import MessageError, shown
from gptoss.harmony.custom_tools import custom_call, custom_from_chat, is_custom
from gptoss.harmony.frozen_json import freeze, thaw
from gptoss.harmony.messages import DeveloperContent, Message, SystemContent
from gptoss.harmony.names import Channel, Marker, Role, entries
from gptoss.harmony.tools import ResponseFormat, ToolDescription, functions

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

    messages         of the roles system, developer, user, assistant, tool; a system's text becomes the developer's
    tools            as chat APIs take them: `{"type": "function", "function": {"name", "description", "parameters"}}`,
                     or the inner object alone; and those that take text, see `custom_tools`
    system           None: the default one, without a date

    An assistant's reasoning becomes analysis, its content the answer, or a preamble where tool calls stand beside it.
    A tool's result follows the call it names, since the model calls one tool at a time.

    Raises MessageError for a shape that is none of these, or a result of a call that was never made.
    """
    given = entries("tools", tools, dict)
    declared = [tool_from_chat(tool) for tool in given]
    custom = [custom_from_chat(tool) for tool in given if is_custom(tool)]
    reader = _Reader({tool.name for tool in custom if not tool.is_wrapped})
    for index, message in enumerate(entries("messages", messages, dict)):
        reader.read(message, f"message {index}")
    conversation = reader.conversation()
    if declared or response_format is not None:
        first = conversation[0] if conversation else None
        instructions = None
        if first is not None and isinstance(first.content, DeveloperContent):
            instructions = first.content.instructions
            conversation = conversation[1:]
        formats = () if response_format is None else (response_format,)
        namespaces = (functions(declared),) if declared else ()
        content = DeveloperContent(instructions, namespaces, formats)
        conversation.insert(0, Message(Role.DEVELOPER, content))
    return [Message(Role.SYSTEM, system or SystemContent()), *conversation]


class _Reader:
    """Reads message by message; a call's block of messages grows when its result comes.

    bare  names of the tools whose calls are bare text
    """

    def __init__(self, bare: Collection[str]) -> None:
        self._bare = bare
        self._blocks: list[list[Message]] = []
        self._block_by_call_id: dict[str, list[Message]] = {}
        self._last_call: list[Message] | None = None

    def conversation(self) -> list[Message]:
        return [message for block in self._blocks for message in block]

    def read(self, message: Mapping[str, object], where: str) -> None:
        match message.get("role"):
            case "system" | "developer":
                content = DeveloperContent(_text(message.get("content"), where))
                self._blocks.append([Message(Role.DEVELOPER, content)])
            case "user":
                text = _text(message.get("content"), where)
                self._blocks.append([Message(Role.USER, text, name=_name(message))])
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
            self._blocks.append([Message(Role.ASSISTANT, reasoning, Channel.ANALYSIS)])
        calls = message.get("tool_calls")
        calls = [] if calls is None else calls
        if not isinstance(calls, Sequence) or isinstance(calls, str):
            raise MessageError(f"got tool_calls in {where} that are not a list")
        content = message.get("content")
        text = "" if content is None else _text(content, where)
        if text or not (calls or reasoning):
            channel = Channel.COMMENTARY if calls else Channel.FINAL
            self._blocks.append([Message(Role.ASSISTANT, text, channel)])
        for call in calls:
            self._read_call(call, where)

    def _read_call(self, call: object, where: str) -> None:
        if not isinstance(call, Mapping):
            raise MessageError(f"got a tool call in {where} that is not an object")
        block = [self._custom(call, where) if is_custom(call) else _function_call(call, where)]
        self._blocks.append(block)
        self._last_call = block
        if isinstance(call.get("id"), str):
            self._block_by_call_id[str(call["id"])] = block

    def _custom(self, call: Mapping[str, object], where: str) -> Message:
        fields = call.get("custom", call)
        fields = fields if isinstance(fields, Mapping) else {}
        name, text = fields.get("name"), fields.get("input")
        if not isinstance(name, str) or not isinstance(text, str):
            raise MessageError(f"got a custom tool call without a name and an input in {where}")
        return custom_call(f"functions.{name}", text, is_wrapped=name not in self._bare)

    def _read_result(self, message: Mapping[str, object], where: str) -> None:
        call_id = message.get("tool_call_id")
        block = self._last_call
        if call_id is not None:
            block = self._block_by_call_id.get(str(call_id))
        name = _name(message)
        if block is None and (call_id is not None or name is None):
            named = f" for the call {shown(call_id)}" if call_id is not None else ""
            raise MessageError(
                f"got a tool's result{named} in {where}, but no assistant message before it made that call; "
                "send the call as well"
            )
        author = block[0].recipient if block is not None else f"functions.{name}"
        result = Message(
            Role.TOOL,
            _text(message.get("content"), where),
            Channel.COMMENTARY,
            Role.ASSISTANT,
            name=author,
        )
        if block is not None and call_id is not None:
            block.append(result)
        else:
            self._blocks.append([result])


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


def tool_from_chat(tool: object) -> ToolDescription:
    """A function as chat APIs have it, alone or in its `function` field, or a custom tool.

    Raises MessageError for anything else.
    """
    if is_custom(tool):
        return custom_from_chat(tool).described()
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise MessageError("got a tool without a function's name")
    parameters = function.get("parameters")
    description = function.get("description")
    description = "" if description is None else description
    if not isinstance(description, str):
        raise MessageError(f"got the description of {function['name']} that is not text")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise MessageError(f"got the parameters of {function['name']} that are not a JSON object")
    return ToolDescription(str(function["name"]), description, parameters)


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
