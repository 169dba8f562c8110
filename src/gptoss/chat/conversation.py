"""Chat messages that were checked -> the conversation as the model reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gptoss.chat.blocks import Blocks, result_of
from gptoss.chat.executed import Steps
from gptoss.chat.types.messages import (
    AssistantCall,
    AssistantMessage,
    ChatMessage,
    Content,
    FlatCustomCall,
    InstructionMessage,
    ToolContent,
    ToolMessage,
    UserMessage,
)
from gptoss.chat.types.parts import joined
from gptoss.errors import MessageError, shown
from gptoss.harmony import Channel, DeveloperContent, Message, Role, custom_call
from gptoss.harmony.frozen_json import freeze, thaw
from gptoss.harmony.names import Marker
from gptoss.tools import ToolSet

_JSON = f"{Marker.CONSTRAIN}json"


def conversation(messages: Sequence[ChatMessage], tools: ToolSet) -> list[Message]:
    """All that was said, results of tools behind their calls.

    tools  that are declared: calls of some are bare text

    Raises MessageError for a result of a call that was never made, and for arguments that are too deep.
    """
    reader = _Reader(tools)
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        match message:
            case InstructionMessage():
                reader.say(Message(Role.DEVELOPER, DeveloperContent(_said(message.content))))
            case UserMessage():
                reader.say(Message(Role.USER, _said(message.content), name=message.name))
            case AssistantMessage():
                reader.read_assistant(message, where)
            case ToolMessage():
                reader.read_result(message, where)
    return reader.messages


class _Reader:
    """Reads message by message."""

    def __init__(self, tools: ToolSet) -> None:
        self._tools = tools
        self._blocks = Blocks()
        self._has_calls = False
        self.say = self._blocks.say

    @property
    def messages(self) -> list[Message]:
        return self._blocks.messages

    def read_assistant(self, message: AssistantMessage, where: str) -> None:
        """The chain of thought, what was said, the calls that were run meanwhile, and those that are to be."""
        # The first that says something counts.
        given = (message.reasoning, message.reasoning_content, message.thinking)
        reasoning = next((text for text in map(_text, given) if text), "")
        steps = Steps(message.executed_tools or (), reasoning, _text(message.content))
        for step in steps.each(where):
            for before in step.before:
                self.say(before)
            self._blocks.call(step.call)
            self._blocks.result(None, step.result)
        self._think(steps.thought)
        calls = [(call, f"tool_calls.{n}") for n, call in enumerate(message.tool_calls or ())]
        if message.function_call is not None:
            calls.append((message.function_call, "function_call"))
        text = steps.said or message.refusal or ""
        if text or not (calls or reasoning or message.executed_tools):
            channel = Channel.COMMENTARY if calls else Channel.FINAL
            self.say(Message(Role.ASSISTANT, text, channel))
        for call, place in calls:
            self._read_call(call, f"{where}.{place}")

    def _think(self, text: str) -> None:
        if text:
            self.say(Message(Role.ASSISTANT, text, Channel.ANALYSIS))

    def _read_call(self, call: AssistantCall, where: str) -> None:
        recipient = f"functions.{call.name}"
        if isinstance(call, FlatCustomCall):
            is_wrapped = recipient not in self._tools.texts
            made = custom_call(recipient, call.input, is_wrapped=is_wrapped)
        else:
            arguments = _arguments(call.arguments, f"the arguments of {where}")
            made = Message(Role.ASSISTANT, arguments, Channel.COMMENTARY, recipient, _JSON)
        self._blocks.call(made, *((call.id,) if isinstance(call.id, str) else ()))
        self._has_calls = True

    def read_result(self, message: ToolMessage, where: str) -> None:
        """The result of the call that it names, of the first one without a result, or of a function by its name."""
        call_id, text = message.tool_call_id, _said(message.content)
        name = f"functions.{message.name}" if message.name else None
        if self._blocks.result(call_id, text, name):
            return
        if call_id:
            raise _no_call(f"{where}.tool_call_id: got {shown(call_id)}", "that call")
        if name is None:
            missing = "a call that has no result yet" if self._has_calls else "a call"
            raise _no_call(f"{where}: got a tool's result", missing)
        if self._has_calls:
            missing = f"a call of {shown(message.name)} that has no result yet"
            raise _no_call(f"{where}: got a tool's result", missing)
        self.say(result_of(name, text))


def _no_call(got: str, missing: str) -> MessageError:
    return MessageError(
        f"{got}, but no assistant message before it made {missing}; send the call as well"
    )


def _arguments(given: object, what: str) -> str:
    """JSON as text."""
    if isinstance(given, str):
        return given if given.strip() else "{}"
    if given is None:
        return "{}"
    return json.dumps(thaw(freeze(given, what)), ensure_ascii=False)


def _said(content: Content | ToolContent) -> str:
    """Return what is said to the model: text, or parts put together."""
    return content if isinstance(content, str) else joined(part.text for part in content)


def _text(content: Content | None) -> str:
    """Return what the assistant said, word for word."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content)
