"""Items of the client's own tools that are wrong in many places."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gptoss.server.client_tools import CLIENT_TOOLS, ExecAction, ShellAction
from gptoss.server.wire_errors import ApiError


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
    with pytest.raises(ApiError, match=r"input\.3\.action\.command\.1"):
        CLIENT_TOOLS["local_shell"].read({"action": {"command": ["ls", 1]}}, "input.3")
