"""Calls of tools and their results as input items of the Responses API: as they are kept, and for the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gptoss.chat.tools import FUNCTIONS, ToolSet
from gptoss.harmony import Channel, Message, Role, custom_call
from gptoss.server.client_tools import CLIENT_CALLS, CLIENT_OUTPUTS
from gptoss.server.replies import Json
from gptoss.server.responses.text import joined, string_of, text_of, wrong
from gptoss.server.shared.ids import new_id

CALLS = ("function_call", "custom_tool_call", *CLIENT_CALLS)
OUTPUTS = ("function_call_output", "custom_tool_call_output", *CLIENT_OUTPUTS)
_JSON = "<|constrain|>json"
_OUTCOMES = (
    '{"stdout", "stderr", "outcome": {"type": "exit", "exit_code": 0} or {"type": "timeout"}}'
)


def read_call(item: Mapping[str, object], where: str) -> Json:
    """A call as it is kept. Raises ApiError with the place of what is wrong."""
    kind = str(item["type"])
    made: Json = {"type": kind, "call_id": string_of(item, "call_id", where), "status": "completed"}
    if kind in CLIENT_CALLS:
        tool = CLIENT_CALLS[kind]
        made |= {"id": new_id(tool.id_prefix), tool.field: tool.read(item, where)}
        return {**made, "environment": {"type": "local"}} if tool.name == "shell" else made
    prefix, field = ("fc_", "arguments") if kind == "function_call" else ("ctc_", "input")
    made |= {"id": new_id(prefix), "name": string_of(item, "name", where)}
    made[field] = string_of(item, field, where)
    if item.get("namespace") is not None:
        made["namespace"] = string_of(item, "namespace", where)
    return made


def read_output(item: Mapping[str, object], where: str) -> Json:
    """A result as it is kept. Raises ApiError with the place of what is wrong."""
    kind = str(item["type"])
    # OpenAI's types have the call's id in the field `id` of a local shell's result.
    is_named = item.get("call_id") is not None or kind != "local_shell_call_output"
    field = "call_id" if is_named else "id"
    made: Json = {
        "id": new_id(f"{_prefix(kind)}o_"),
        "type": kind,
        "call_id": string_of(item, field, where),
        "status": "completed",
    }
    match kind:
        case "shell_call_output":
            made["output"] = _outcomes(item.get("output"), f"{where}.output")
            if isinstance(item.get("max_output_length"), int):
                made["max_output_length"] = item["max_output_length"]
        case "apply_patch_call_output":
            status = item.get("status")
            if status not in ("completed", "failed"):
                raise wrong(f"{where}.status", "completed or failed", status)
            made["status"] = status
            if item.get("output") is not None:
                made["output"] = string_of(item, "output", where)
        case "local_shell_call_output":
            made["output"] = string_of(item, "output", where)
        case _:
            output = item.get("output")
            text = text_of(output, f"{where}.output")
            is_text = isinstance(output, str)
            made["output"] = text if is_text else [{"type": "input_text", "text": text}]
    return made


def call_message(item: Json, tools: ToolSet) -> Message:
    """A call as the model wrote it, or would write it with these tools."""
    kind = str(item["type"])
    if kind in CLIENT_CALLS:
        tool = CLIENT_CALLS[kind]
        recipient, text = f"{FUNCTIONS}.{tool.name}", tool.arguments(item[tool.field])
        return Message(Role.ASSISTANT, text, Channel.COMMENTARY, recipient, _JSON)
    recipient = f"{item.get('namespace') or FUNCTIONS}.{item['name']}"
    if kind == "custom_tool_call":
        is_wrapped = recipient not in tools.texts
        return custom_call(recipient, str(item["input"]), is_wrapped=is_wrapped)
    return Message(Role.ASSISTANT, str(item["arguments"]), Channel.COMMENTARY, recipient, _JSON)


def output_text(item: Json) -> str:
    """A result as the model reads it."""
    output = item.get("output")
    match item["type"]:
        case "shell_call_output":
            return json.dumps(output, ensure_ascii=False)
        case "apply_patch_call_output" if item["status"] == "failed":
            # The model has no other mark for it.
            return f"Error: {output or 'the patch could not be applied'}"
        case "apply_patch_call_output":
            return str(output or "Done.")
    return output if isinstance(output, str) else joined(output)


def _prefix(output_type: str) -> str:
    if output_type in CLIENT_OUTPUTS:
        return CLIENT_OUTPUTS[output_type].id_prefix.removesuffix("_")
    return "fc" if output_type == "function_call_output" else "ctc"


def _outcomes(output: object, where: str) -> list[Json]:
    """What a shell's commands wrote, and how each ended."""
    if not isinstance(output, list):
        raise wrong(where, f"a list of {_OUTCOMES}", output)
    return [_outcome(chunk, f"{where}[{index}]") for index, chunk in enumerate(output)]


def _outcome(chunk: object, where: str) -> Json:
    outcome: Any = chunk.get("outcome") if isinstance(chunk, Mapping) else None
    kind = outcome.get("type") if isinstance(outcome, Mapping) else None
    code = outcome.get("exit_code") if isinstance(outcome, Mapping) else None
    is_exit = kind == "exit" and isinstance(code, int) and not isinstance(code, bool)
    if not isinstance(chunk, Mapping) or not (is_exit or kind == "timeout"):
        raise wrong(where, _OUTCOMES, chunk)
    return {
        "stdout": string_of(chunk, "stdout", where),
        "stderr": string_of(chunk, "stderr", where),
        "outcome": {"type": "exit", "exit_code": code} if is_exit else {"type": "timeout"},
    }
