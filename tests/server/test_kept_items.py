"""Items of requests as they are kept: in one form, which is read again from what is written of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from gptoss.server.responses.input import InputReader
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.responses.store import KeptItem
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


# As an earlier version wrote the same items, with an id of their own.
WRITTEN = [
    (
        '{"id":"i","type":"message","role":"user","status":"completed","content":[{"type":"in'
        'put_text","text":"a"}]}'
    ),
    (
        '{"id":"i","type":"message","role":"developer","status":"completed","content":[{"type'
        '":"input_text","text":"a"}]}'
    ),
    (
        '{"id":"i","type":"message","role":"assistant","status":"completed","content":[{"type'
        '":"output_text","text":"a","annotations":[],"logprobs":[]}],"phase":null}'
    ),
    (
        '{"id":"i","type":"message","role":"assistant","status":"completed","content":[{"type'
        '":"output_text","text":"a","annotations":[],"logprobs":[]}],"phase":"commentary"}'
    ),
    (
        '{"id":"i","type":"reasoning","summary":[{"type":"summary_text","text":"b"}],"content'
        '":[{"type":"reasoning_text","text":"a"}],"status":"completed"}'
    ),
    (
        '{"id":"i","type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text"'
        ':"thoughts"}],"status":"completed","encrypted_content":"sealed"}'
    ),
    (
        '{"type":"function_call","call_id":"c","status":"completed","id":"i","name":"f","argu'
        'ments":"{}"}'
    ),
    (
        '{"type":"function_call","call_id":"c","status":"completed","id":"i","name":"f","argu'
        'ments":"{}","namespace":"n"}'
    ),
    (
        '{"type":"custom_tool_call","call_id":"c","status":"completed","id":"i","name":"f","i'
        'nput":"a"}'
    ),
    (
        '{"type":"local_shell_call","call_id":"c","status":"completed","id":"i","action":{"ty'
        'pe":"exec","env":{"A":"b"},"command":["ls"],"timeout_ms":5}}'
    ),
    (
        '{"type":"shell_call","call_id":"c","status":"completed","id":"i","action":{"commands'
        '":["ls"],"max_output_length":9},"environment":{"type":"local"}}'
    ),
    (
        '{"type":"apply_patch_call","call_id":"c","status":"completed","id":"i","operation":{'
        '"type":"create_file","path":"a","diff":"+b"}}'
    ),
    (
        '{"type":"apply_patch_call","call_id":"c","status":"completed","id":"i","operation":{'
        '"type":"delete_file","path":"a"}}'
    ),
    ('{"id":"i","type":"function_call_output","call_id":"c","status":"completed","output":"a"}'),
    (
        '{"id":"i","type":"custom_tool_call_output","call_id":"c","status":"completed","outpu'
        't":[{"type":"input_text","text":"a"}]}'
    ),
    ('{"id":"i","type":"local_shell_call_output","call_id":"c","status":"completed","output":"a"}'),
    (
        '{"id":"i","type":"shell_call_output","call_id":"c","status":"completed","output":[{"'
        'stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}},{"stdout":"","stder'
        'r":"b","outcome":{"type":"timeout"}}],"max_output_length":9}'
    ),
    '{"id":"i","type":"apply_patch_call_output","call_id":"c","status":"failed"}',
    ('{"id":"i","type":"apply_patch_call_output","call_id":"c","status":"completed","output":"a"}'),
]


def read(*items: dict[str, Any]) -> list[KeptItem]:
    """The items of a request."""
    body = ResponseRequest.model_validate({"input": [*items]})
    return InputReader(lambda _: None, lambda *_: "thoughts").read(body.input or ())


@pytest.mark.parametrize(("sent", "name"), ITEMS)
def test_what_is_written_is_read(sent: dict[str, Any], name: str) -> None:
    (kept,) = read(sent)
    assert type(kept.item).__name__ == name
    item = item_of(kept.text)
    assert item == kept.item
    assert item.id == kept.id
    assert item.written().decode() == kept.text


@pytest.mark.parametrize(
    ("sent", "written"), [(sent, text) for (sent, _), text in zip(ITEMS, WRITTEN, strict=True)]
)
def test_what_an_earlier_version_wrote_is_read(sent: dict[str, Any], written: str) -> None:
    (kept,) = read(sent)
    kept.item.id = "i"
    assert json.loads(kept.text) == json.loads(written)
    assert item_of(written) == kept.item


def test_fields_stand_in_one_order() -> None:
    call = {"arguments": "{}", "name": "f", "type": "function_call", "call_id": "c", "id": "i"}
    (kept,) = read(call)
    assert kept.text == (
        '{"id":"i","type":"function_call","call_id":"c","name":"f","arguments":"{}",'
        '"status":"completed"}'
    )


@pytest.mark.parametrize(("sent", "name"), ITEMS)
def test_null_is_nothing_and_what_is_unknown_is_ignored(sent: dict[str, Any], name: str) -> None:
    (kept,) = read({**sent, "id": sent.get("id") or "i"})
    nulls = dict.fromkeys(set(type(kept.item).model_fields) - set(sent), None)
    more = {"created_by": 1, "status": "in_progress"}
    if name == "ApplyPatchCallOutput":
        del more["status"]
    (other,) = read({**nulls, **more, **sent, "id": sent.get("id") or "i"})
    if name == "LocalShellCallOutput":
        other.item.id = kept.item.id
    assert other.text == kept.text


def test_a_message_needs_no_type() -> None:
    (kept,) = read({"type": None, "role": "user", "content": ""})
    assert json.loads(kept.text)["type"] == "message"
    with pytest.raises(ValidationError, match="role"):
        read({"role": None, "content": ""})


@pytest.mark.parametrize("fields", [{"id": "c"}, {"id": "c", "call_id": None}])
def test_an_id_names_the_call_of_a_local_shell(fields: dict[str, Any]) -> None:
    (kept,) = read({"type": "local_shell_call_output", **fields, "output": ""})
    made = json.loads(kept.text)
    assert made["call_id"] == "c"
    assert made["id"].startswith("lsho_")
    (kept,) = read({"type": "local_shell_call_output", "id": "o", "call_id": "c", "output": ""})
    assert json.loads(kept.text)["id"] == "o"


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "a", "id": "i" * 201},
        {"type": "local_shell_call_output", "id": "i" * 201, "call_id": "c", "output": ""},
    ],
)
def test_ids_are_short(item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="200"):
        read(item)
    read({**item, "id": "i" * 200})


def test_an_item_is_read_when_it_is_asked_for() -> None:
    kept = KeptItem("i", WRITTEN[0], 7)
    assert kept.text is WRITTEN[0]
    assert kept.item == item_of(WRITTEN[0])
