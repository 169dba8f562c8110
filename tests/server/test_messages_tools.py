"""Tools of Anthropic's Messages API that clients run by schemas that are fixed, and those that there are not."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic.types import ToolUnionParam
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from tests.conftest import Script
from tests.server.conftest import MakeServer
from tests.server.messages_bodies import CITY, OFF, PATH, WEATHER, body, kwargs, post, stream
from tests.server.tool_items import in_json

TOOL: TypeAdapter[Any] = TypeAdapter(ToolUnionParam)
BASH = {"type": "bash_20250124", "name": "bash"}
EDITOR = {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}
NEWER = {"type": "text_editor_20250429", "name": "str_replace_based_edit_tool"}
OLD = {"type": "text_editor_20250124", "name": "str_replace_editor"}
MEMORY = {"type": "memory_20250818", "name": "memory"}
INPUTS = [
    (BASH, {"command": "ls"}),
    (BASH, {"restart": True}),
    (EDITOR, {"command": "view", "path": "a"}),
    (EDITOR, {"command": "view", "path": "a", "view_range": [1, -1]}),
    (EDITOR, {"command": "create", "path": "a", "file_text": "b\n"}),
    (EDITOR, {"command": "str_replace", "path": "a", "old_str": "b", "new_str": "c"}),
    (EDITOR, {"command": "insert", "path": "a", "insert_line": 0, "insert_text": "b"}),
    (NEWER, {"command": "str_replace", "path": "a", "old_str": "b"}),
    (OLD, {"command": "insert", "path": "a", "insert_line": 1, "new_str": "b"}),
    (OLD, {"command": "undo_edit", "path": "a"}),
    (MEMORY, {"command": "rename", "old_path": "a", "new_path": "b"}),
    (MEMORY, {"command": "delete", "path": "a"}),
]


@pytest.mark.parametrize(("tool", "given"), INPUTS, ids=lambda each: json.dumps(each)[:60])
def test_calls(
    make_server: MakeServer, scripted_nano: Script, tool: dict[str, Any], given: dict[str, Any]
) -> None:
    TOOL.validate_python(tool)
    server = make_server(scripted_nano(in_json(f"functions.{tool['name']}", given)))
    with anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as sdk:
        made = sdk.messages.create(**kwargs(model="scripted", tools=[WEATHER, tool], thinking=OFF))
    (call,) = made.content
    assert call.type == "tool_use"
    assert (call.name, call.input, made.stop_reason) == (tool["name"], given, "tool_use")


@pytest.mark.parametrize("tool", [BASH, EDITOR, OLD, MEMORY])
def test_forced(client: TestClient, tool: dict[str, Any]) -> None:
    choice = {"type": "tool", "name": tool["name"], "disable_parallel_tool_use": True}
    fields = {"tools": [tool], "tool_choice": choice, "thinking": OFF, "max_tokens": 80}
    made = post(client, **fields)
    (call,) = made["content"]
    assert (call["type"], call["name"]) == ("tool_use", tool["name"])
    events = stream(client, **fields)
    written = "".join(
        event["delta"].get("partial_json", "")
        for event in events
        if event["type"] == "content_block_delta"
    )
    assert written.startswith("{")
    if made["stop_reason"] == "tool_use":
        assert json.loads(written) == call["input"]


def test_results_come_back(client: TestClient) -> None:
    messages = [
        {"role": "user", "content": "Go"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "bash", "input": {"command": "l"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]},
    ]
    made = post(client, messages=messages, tools=[BASH], tool_choice={"type": "none"})
    assert made["stop_reason"] in ("end_turn", "max_tokens")


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ({"type": "wand_20261127", "name": "wand"}, "wanted 'custom', 'bash_20241022'"),
        ({**BASH, "name": "shell"}, "tools.0.name: got 'shell', wanted 'bash'"),
        ({"type": "bash_20250124"}, "tools.0.name: got nothing"),
        ({"input_schema": CITY}, "tools.0.name: got nothing"),
        ({"type": "custom", "name": "x"}, "tools.0.input_schema: got nothing"),
    ],
)
def test_what_is_refused(client: TestClient, tool: dict[str, Any], said: str) -> None:
    for path in (PATH, f"{PATH}/count_tokens"):
        reply = client.post(path, json=body(tools=[tool]))
        assert reply.status_code == 400, reply.text[:300]
        assert said in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "kind",
    [
        "web_search_20260318",
        "web_fetch_20250910",
        "code_execution_20250825",
        "computer_20250124",
        "computer_toolset_20260801",
        "browser_toolset_20260801",
        "mcp_toolset",
        "tool_search_tool_regex_20251119",
    ],
)
def test_tools_that_a_server_would_run_are_left_out(client: TestClient, kind: str) -> None:
    counted = [
        client.post(f"{PATH}/count_tokens", json=body(tools=tools)).json()
        for tools in ([BASH], [{"type": kind, "name": "x"}, BASH])
    ]
    assert counted[0] == counted[1]
    made = post(client, tools=[{"type": kind, "mcp_server_name": "x"}], max_tokens=1)
    assert made["gptoss"] == {"ignored": [f"tools.0 ({kind})"]}


def test_twice(client: TestClient) -> None:
    assert client.post(PATH, json=body(tools=[EDITOR, NEWER])).status_code == 400
