"""Calls of tools and their results as input items of the Responses API: as they are kept, and for the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gptoss.chat.tools import FUNCTIONS, ToolSet
from gptoss.harmony import Channel, Message, Role, custom_call
from gptoss.server.client_tools import CLIENT_CALLS, CLIENT_OUTPUTS
from gptoss.server.replies import in_order
from gptoss.server.responses.client_calls import action_of, client_call
from gptoss.server.responses.text import joined, string_of, text_of, wrong
from gptoss.server.responses.types.calls import (
    ApplyPatchCall,
    ApplyPatchCallOutput,
    Call,
    CallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    LocalShellCallOutput,
    ReplyExit,
    ReplyShellChunk,
    ReplyTimeout,
    ShellCallOutput,
)
from gptoss.server.shared.ids import new_id

CALLS = ("function_call", "custom_tool_call", *CLIENT_CALLS)
OUTPUTS = ("function_call_output", "custom_tool_call_output", *CLIENT_OUTPUTS)
_JSON = "<|constrain|>json"
_OUTCOMES = (
    '{"stdout", "stderr", "outcome": {"type": "exit", "exit_code": 0} or {"type": "timeout"}}'
)


def read_call(item: Mapping[str, object], where: str) -> Call:
    """A call as it is kept. Raises ApiError with the place of what is wrong."""
    kind = str(item["type"])
    fields: dict[str, Any] = {
        "type": kind,
        "call_id": string_of(item, "call_id", where),
        "status": "completed",
    }
    if kind in CLIENT_CALLS:
        tool = CLIENT_CALLS[kind]
        action = action_of(tool.read(item, where))
        fields |= {"id": new_id(tool.id_prefix), tool.field: action}
        return client_call(tool, fields)
    is_function = kind == "function_call"
    prefix, field = ("fc_", "arguments") if is_function else ("ctc_", "input")
    fields |= {"id": new_id(prefix), "name": string_of(item, "name", where)}
    fields[field] = string_of(item, field, where)
    if item.get("namespace") is not None:
        fields["namespace"] = string_of(item, "namespace", where)
    return in_order(FunctionCall, **fields) if is_function else in_order(CustomToolCall, **fields)


def read_output(item: Mapping[str, object], where: str) -> CallOutput:
    """A result as it is kept. Raises ApiError with the place of what is wrong."""
    kind = str(item["type"])
    # OpenAI's types have the call's id in the field `id` of a local shell's result.
    is_named = item.get("call_id") is not None or kind != "local_shell_call_output"
    fields: dict[str, Any] = {
        "id": new_id(f"{_prefix(kind)}o_"),
        "type": kind,
        "call_id": string_of(item, "call_id" if is_named else "id", where),
        "status": "completed",
    }
    match kind:
        case "shell_call_output":
            fields["output"] = _chunks(item.get("output"), f"{where}.output")
            if isinstance(item.get("max_output_length"), int):
                fields["max_output_length"] = item["max_output_length"]
            return in_order(ShellCallOutput, **fields)
        case "apply_patch_call_output":
            status = item.get("status")
            if status not in ("completed", "failed"):
                raise wrong(f"{where}.status", "completed or failed", status)
            fields["status"] = status
            if item.get("output") is not None:
                fields["output"] = string_of(item, "output", where)
            return in_order(ApplyPatchCallOutput, **fields)
        case "local_shell_call_output":
            fields["output"] = string_of(item, "output", where)
            return in_order(LocalShellCallOutput, **fields)
    output = item.get("output")
    text = text_of(output, f"{where}.output")
    is_text = isinstance(output, str)
    fields["output"] = text if is_text else [in_order(InputText, type="input_text", text=text)]
    if kind == "function_call_output":
        return in_order(FunctionCallOutput, **fields)
    return in_order(CustomToolCallOutput, **fields)


def call_message(call: Call, tools: ToolSet) -> Message:
    """A call as the model wrote it, or would write it with these tools."""
    if isinstance(call, FunctionCall | CustomToolCall):
        recipient = f"{call.namespace or FUNCTIONS}.{call.name}"
        if isinstance(call, CustomToolCall):
            return custom_call(recipient, call.input, is_wrapped=recipient not in tools.texts)
        return Message(Role.ASSISTANT, call.arguments, Channel.COMMENTARY, recipient, _JSON)
    tool = CLIENT_CALLS[call.type]
    action = call.operation if isinstance(call, ApplyPatchCall) else call.action
    recipient = f"{FUNCTIONS}.{tool.name}"
    text = tool.arguments(action.model_dump(exclude_unset=True))
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
            return str(output.output or "Done.")
    text = output.output
    return text if isinstance(text, str) else joined(text)


def _prefix(output_type: str) -> str:
    if output_type in CLIENT_OUTPUTS:
        return CLIENT_OUTPUTS[output_type].id_prefix.removesuffix("_")
    return "fc" if output_type == "function_call_output" else "ctc"


def _chunks(output: object, where: str) -> list[ReplyShellChunk]:
    """What a shell's commands wrote, and how each ended."""
    if not isinstance(output, list):
        raise wrong(where, f"a list of {_OUTCOMES}", output)
    return [_chunk(chunk, f"{where}[{index}]") for index, chunk in enumerate(output)]


def _chunk(chunk: object, where: str) -> ReplyShellChunk:
    outcome: Any = chunk.get("outcome") if isinstance(chunk, Mapping) else None
    kind = outcome.get("type") if isinstance(outcome, Mapping) else None
    code: Any = outcome.get("exit_code") if isinstance(outcome, Mapping) else None
    is_exit = kind == "exit" and isinstance(code, int) and not isinstance(code, bool)
    if not isinstance(chunk, Mapping) or not (is_exit or kind == "timeout"):
        raise wrong(where, _OUTCOMES, chunk)
    return in_order(
        ReplyShellChunk,
        stdout=string_of(chunk, "stdout", where),
        stderr=string_of(chunk, "stderr", where),
        outcome=in_order(ReplyExit, type="exit", exit_code=code)
        if is_exit
        else in_order(ReplyTimeout, type="timeout"),
    )
