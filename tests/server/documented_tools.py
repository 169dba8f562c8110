"""Replies with calls of tools of all kinds, for the test that holds every reply to the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tests.server.conftest import sums
from tests.server.responses_shapes import asked
from tests.server.tool_items import ALL, SAID, SHELL, WRITTEN, Json, in_json, output_of

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
ITEMS = "/v1/responses/{response_id}/input_items"
SKILL = {"name": "sort", "description": "Sorts.", "path": "skills/sort"}
SKILLED = {"type": "shell", "environment": {"type": "local", "skills": [SKILL]}}
NAMED: list[Json] = [
    {"type": "custom", "name": "run"},
    {"type": "custom", "name": "query", "namespace": "crm"},
    {"type": "function", "name": "find", "namespace": "crm"},
    {"type": "shell"},
]
ANY = [*NAMED, {"name": "find", "namespace": "crm"}]
CHOICES = [*NAMED, {"type": "allowed_tools", "mode": "auto", "tools": ANY}]
DELETE = {"type": "delete_file", "path": "a.py"}
TEXT = {"type": "custom", "name": "free", "description": "Takes text.", "format": {"type": "text"}}


class Asker(Protocol):
    """Asks, and holds the replies to the document."""

    def ask(self, method: str, path: str, body: Json | None = None, **values: str) -> Json: ...
    def both(self, path: str, body: Json) -> Json: ...


def of_tools(nano: Asker, scripted: Callable[[str], Asker]) -> None:
    """`scripted`: of models that write what they are told to, with room for many tools."""
    deleting = in_json("functions.apply_patch", DELETE)
    for written in (*(WRITTEN[name] for name in SAID), deleting):
        made = scripted(written).both(RESPONSES, asked("Go", tools=[*ALL, TEXT]))
        (call,) = made["output"]
        more: dict[str, Any] = {"max_output_length": 9} if call["type"] == "shell_call" else {}
        given = [{"role": "user", "content": "Go"}, call, output_of(call, **more)]
        after = nano.ask("POST", RESPONSES, asked(given, tools=ALL, max_output_tokens=1))
        assert len(nano.ask("GET", ITEMS, response_id=after["id"])["data"]) == 3
    cut = asked("Go", tools=ALL, max_output_tokens=20)
    assert scripted(WRITTEN["shell"]).both(RESPONSES, cut)["gptoss"]["cut_calls"]
    tools = [SKILLED if tool == SHELL else tool for tool in ALL]
    for choice in CHOICES:
        nano.both(RESPONSES, asked(tools=tools, tool_choice=choice, max_output_tokens=1))
    nano.both(RESPONSES, asked(text={"verbosity": "low"}, max_output_tokens=1))
    added = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [*(tool for tool in tools if tool != SHELL), TEXT, {"type": "web_search"}],
    }
    after = nano.ask("POST", RESPONSES, asked([added, {"role": "user", "content": "Go"}]))
    assert len(nano.ask("GET", ITEMS, response_id=after["id"])["data"]) == 2
    custom = [{"type": "custom", "custom": {"name": name}} for name in ("run", "other")]
    made = scripted(WRITTEN["run"]).both(CHAT, sums(tools=custom))
    assert made["choices"][0]["message"]["tool_calls"][0]["type"] == "custom"
