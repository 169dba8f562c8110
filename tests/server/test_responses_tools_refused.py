"""Tools, tool choices and items of calls that the Responses API cannot take, each told by its place."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.server.responses_shapes import TOOL, asked, refused
from tests.server.tool_items import CRM, INNER, RUN, SAID, SHELL, Json


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "wand"}]}, "tools.0.type"),
        ({"tools": [{"type": ["shell"]}]}, "tools.0.type"),
        ({"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, None),
        ({"tools": [{"type": "shell", "environment": "local"}]}, "tools.0.environment"),
        (
            {"tools": [{"type": "shell", "environment": {"type": "local", "skills": [{}]}}]},
            "tools.0.environment.skills.0.name",
        ),
        ({"tools": [{**RUN, "async": True}]}, "tools.0.async"),
        ({"tools": [{**RUN, "allowed_callers": ["programmatic"]}]}, "tools.0.allowed_callers"),
        ({"tools": [{"type": "custom"}]}, "tools.0.name"),
        ({"tools": [{**RUN, "description": 3}]}, "tools.0.description"),
        ({"tools": [{**RUN, "format": {"type": "xml"}}]}, None),
        ({"tools": [RUN, {**TOOL, "name": "run"}]}, None),
        ({"tools": [SHELL, {**TOOL, "name": "shell"}]}, None),
        ({"tools": [SHELL, SHELL]}, None),
        ({"tools": [{**CRM, "name": 3}]}, "tools.0.name"),
        ({"tools": [{**CRM, "name": "python"}]}, "tools.0.name"),
        ({"tools": [{**CRM, "name": "a b"}]}, None),
        ({"tools": [CRM, CRM]}, "tools.1.name"),
        ({"tools": [{**CRM, "tools": [SHELL]}]}, "tools.0.tools.0.type"),
        ({"tools": [{**CRM, "tools": [CRM]}]}, "tools.0.tools.0.type"),
        ({"tools": [{**CRM, "tools": ["find"]}]}, "tools.0.tools.0"),
        ({"tools": [{**CRM, "description": 3}]}, "tools.0.description"),
        ({"tools": [{**CRM, "tools": [{**INNER, "async": True}]}]}, "tools.0.tools.0.async"),
        ({"tool_choice": {"type": "shell"}}, None),
        ({"tool_choice": {"type": "custom", "name": "x"}, "tools": [RUN]}, None),
        ({"tool_choice": {"type": "function", "name": "run"}, "tools": [RUN]}, None),
        ({"tool_choice": {"type": "shell"}, "tools": [{**TOOL, "name": "shell"}]}, None),
        ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "image_generation"}}, "tool_choice.type"),
        ({"text": {"verbosity": "loud"}}, "text.verbosity"),
    ],
    ids=lambda fields: repr(fields)[:70],
)
def test_what_is_refused(client: TestClient, fields: Json, param: str | None) -> None:
    error = refused(client, 400, **asked(**fields))
    assert error["type"] == "invalid_request_error"
    if param is not None:
        assert error["param"] == param


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "custom_tool_call", "call_id": "c", "name": "run"}, "input.0.input"),
        ({"type": "custom_tool_call", "call_id": "c", "input": "a"}, "input.0.name"),
        ({**SAID["query"], "call_id": "c", "namespace": 3}, "input.0.namespace"),
        ({"type": "local_shell_call", "call_id": "c"}, "input.0.action"),
        (
            {"type": "local_shell_call", "call_id": "c", "action": {"command": "ls"}},
            "input.0.action.command",
        ),
        (
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["a", 1]}},
            "input.0.action.commands.1",
        ),
        ({**SAID["shell"]}, "input.0.call_id"),
        (
            {
                "type": "apply_patch_call",
                "call_id": "c",
                "operation": {"type": "update_file", "path": "a"},
            },
            "input.0.operation.diff",
        ),
        (
            {
                "type": "apply_patch_call",
                "call_id": "c",
                "operation": {"type": "delete_file", "path": "a", "diff": "b"},
            },
            "input.0.operation.diff",
        ),
        (
            {
                "type": "apply_patch_call",
                "call_id": "c",
                "operation": {"type": "move", "path": "a"},
            },
            "input.0.operation.type",
        ),
        ({"type": "shell_call_output", "call_id": "c", "output": "a"}, "input.0.output"),
        ({"type": "shell_call_output", "call_id": "c", "output": [{}]}, "input.0.output.0.stdout"),
        (
            {
                "type": "shell_call_output",
                "call_id": "c",
                "output": [{"stdout": 1, "stderr": "", "outcome": {"type": "timeout"}}],
            },
            "input.0.output.0.stdout",
        ),
        ({"type": "apply_patch_call_output", "call_id": "c"}, "input.0.status"),
        ({"type": "local_shell_call_output", "output": "a"}, "input.0"),
        ({"type": "local_shell_call_output", "call_id": "c", "output": []}, "input.0.output"),
        ({"type": "custom_tool_call_output", "call_id": "c", "output": 3}, "input.0.output"),
        ({"type": "custom_tool_call_output", "call_id": "c", "output": "a"}, "input"),
        ({"type": "shell_call_output", "call_id": "c", "output": []}, "input"),
        ({"type": "web_search_call", "id": "w"}, "input.0.type"),
    ],
    ids=lambda item: repr(item)[:70],
)
def test_items_that_are_none(client: TestClient, item: Json, param: str) -> None:
    error = refused(client, 400, **asked([item, {"role": "user", "content": "1"}]))
    assert error["param"] == param
