"""Calls of tools and their results among the items of the Responses API, as the model reads them."""

from __future__ import annotations

import json

from gptoss.harmony import Channel, Message, Role, custom_call
from gptoss.server.client_tools import CLIENT_CALLS
from gptoss.server.responses.types.calls import (
    ApplyPatchCall,
    ApplyPatchCallOutput,
    Call,
    CallOutput,
    CustomToolCall,
    FunctionCall,
    ShellCallOutput,
)
from gptoss.server.responses.types.texts import joined
from gptoss.tools import FUNCTIONS, ToolSet

_JSON = "<|constrain|>json"


def call_message(call: Call, tools: ToolSet) -> Message:
    """A call as the model wrote it, or would write it with these tools."""
    if isinstance(call, FunctionCall | CustomToolCall):
        recipient = f"{call.namespace or FUNCTIONS}.{call.name}"
        if isinstance(call, CustomToolCall):
            return custom_call(recipient, call.input, is_wrapped=recipient not in tools.texts)
        arguments = call.arguments if call.arguments.strip() else "{}"
        return Message(Role.ASSISTANT, arguments, Channel.COMMENTARY, recipient, _JSON)
    tool = CLIENT_CALLS[call.type]
    text = tool.arguments(call.operation if isinstance(call, ApplyPatchCall) else call.action)
    recipient = f"{FUNCTIONS}.{tool.name}"
    return Message(Role.ASSISTANT, text, Channel.COMMENTARY, recipient, _JSON)


def output_text(output: CallOutput) -> str:
    """A result as the model reads it."""
    match output:
        case ShellCallOutput():
            chunks = [chunk.model_dump() for chunk in output.output]
            return json.dumps(chunks, ensure_ascii=False)
        case ApplyPatchCallOutput(status="failed"):
            # The model has no other mark for it.
            return f"Error: {output.output or 'the patch could not be applied'}"
        case ApplyPatchCallOutput():
            return output.output or "Done."
    return joined(output.output)
