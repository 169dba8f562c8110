"""Items as they are kept: what is written of them is read again, with nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gptoss.server.responses.input import InputReader
from gptoss.server.responses.types.items import item_of

_CALL = {"call_id": "c"}
_CHUNKS = [
    {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
    {"stdout": "", "stderr": "b", "outcome": {"type": "timeout"}},
]
ITEMS: list[tuple[dict[str, Any], str]] = [
    ({"role": "user", "content": "a"}, "InputMessage"),
    ({"role": "developer", "content": [{"type": "input_text", "text": "a"}]}, "InputMessage"),
    ({"role": "assistant", "content": "a"}, "OutputMessage"),
    ({"role": "assistant", "content": "a", "phase": "commentary"}, "OutputMessage"),
    ({"type": "reasoning", "content": "a", "summary": "b"}, "ReasoningItem"),
    ({"type": "reasoning", "encrypted_content": "sealed"}, "ReasoningItem"),
    ({"type": "function_call", **_CALL, "name": "f", "arguments": "{}"}, "FunctionCall"),
    (
        {"type": "function_call", **_CALL, "name": "f", "arguments": "{}", "namespace": "n"},
        "FunctionCall",
    ),
    ({"type": "custom_tool_call", **_CALL, "name": "f", "input": "a"}, "CustomToolCall"),
    (
        {
            "type": "local_shell_call",
            **_CALL,
            "action": {"command": ["ls"], "env": {"A": "b"}, "timeout_ms": 5},
        },
        "LocalShellCall",
    ),
    (
        {"type": "shell_call", **_CALL, "action": {"commands": ["ls"], "max_output_length": 9}},
        "ShellCall",
    ),
    (
        {
            "type": "apply_patch_call",
            **_CALL,
            "operation": {"type": "create_file", "path": "a", "diff": "+b"},
        },
        "ApplyPatchCall",
    ),
    (
        {
            "type": "apply_patch_call",
            **_CALL,
            "operation": {"type": "delete_file", "path": "a"},
        },
        "ApplyPatchCall",
    ),
    ({"type": "function_call_output", **_CALL, "output": "a"}, "FunctionCallOutput"),
    (
        {
            "type": "custom_tool_call_output",
            **_CALL,
            "output": [{"type": "input_text", "text": "a"}],
        },
        "CustomToolCallOutput",
    ),
    ({"type": "local_shell_call_output", "id": "c", "output": "a"}, "LocalShellCallOutput"),
    (
        {"type": "shell_call_output", **_CALL, "output": _CHUNKS, "max_output_length": 9},
        "ShellCallOutput",
    ),
    ({"type": "apply_patch_call_output", **_CALL, "status": "failed"}, "ApplyPatchCallOutput"),
    (
        {"type": "apply_patch_call_output", **_CALL, "status": "completed", "output": "a"},
        "ApplyPatchCallOutput",
    ),
]


@pytest.mark.parametrize(("sent", "name"), ITEMS)
def test_what_is_written_is_read(sent: dict[str, Any], name: str) -> None:
    (kept,) = InputReader(lambda _: None, lambda *_: "thoughts").read([sent])
    item = item_of(kept.text)
    assert type(item).__name__ == name
    assert item.id == kept.id
    assert json.loads(item.written()) == json.loads(kept.text)
