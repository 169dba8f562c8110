"""Items of the client's own tools that are wrong in many places."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gptoss.server.client_tools import CLIENT_TOOLS, ExecAction, ShellAction
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.wire_errors import invalid


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ExecAction, {"command": [1] * 1000}),
        (ExecAction, {"command": ["ls"], "env": dict.fromkeys(map(str, range(1000)), 1)}),
        (ShellAction, {"commands": [None] * 1000}),
    ],
)
def test_the_first_that_is_wrong_ends_it(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(fields)
    assert caught.value.error_count() == 1


def test_the_place_is_named() -> None:
    action = {"command": ["ls", 1]}
    body = {"input": [{"type": "local_shell_call", "call_id": "c", "action": action}]}
    with pytest.raises(ValidationError) as caught:
        ResponseRequest.model_validate(body)
    assert invalid(caught.value.errors(), body).param == "input.0.action.command.1"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("local_shell", '{"command": ["ls"], "working_directory": "a", "env": {"A": "b"}}'),
        ("shell", '{"commands": ["ls"], "timeout_ms": 1, "max_output_length": 2}'),
        ("apply_patch", '{"type": "create_file", "path": "a", "diff": ""}'),
        ("apply_patch", '{"type": "delete_file", "path": "a"}'),
    ],
)
def test_what_the_model_wrote_is_what_it_reads(name: str, arguments: str) -> None:
    tool = CLIENT_TOOLS[name]
    action = tool.said(arguments)
    assert action is not None
    assert tool.arguments(action) == arguments


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("local_shell", '{"command": ["ls"'),
        ("local_shell", '{"command": "ls"}'),
        ("shell", '{"commands": ["ls"], "timeout_ms": 0}'),
        ("apply_patch", '{"type": "create_file", "path": "a"}'),
        ("apply_patch", '{"type": "delete_file", "path": "a", "diff": "b"}'),
        ("apply_patch", '{"type": "move_file", "path": "a"}'),
    ],
)
def test_what_is_not_whole_is_no_call(name: str, arguments: str) -> None:
    assert CLIENT_TOOLS[name].said(arguments) is None
