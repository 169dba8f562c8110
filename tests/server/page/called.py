"""Calls as a model writes them, functions that it may call, and calls as the chat page shows and sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Request

from gptoss.tools import Approval, function_tool
from gptoss.tools.chosen import ChosenTools
from tests.server.page.conftest import Visit


def think(text: str) -> str:
    return f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant"


def cell(code: str) -> str:
    return f"<|channel|>analysis to=python code<|message|>{code}<|call|>"


def call(name: str, arguments: str, end: str = "<|call|>") -> str:
    return f" to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>{arguments}{end}"


def say(text: str) -> str:
    return f"<|channel|>final<|message|>{text}<|return|>"


def panels(visit: Visit) -> Locator:
    return visit.answers.last.get_by_role("group", name="Call of")


def part(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("group", name=name, exact=True)


def cards(visit: Visit) -> Locator:
    return visit.answers.last.locator(".card")


def add(a: int, b: int) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


def fail() -> None:
    """Fail."""
    raise ValueError("no such thing")


def functions(**floor: Approval) -> ChosenTools:
    tools = (function_tool(add), function_tool(fail))
    return ChosenTools(
        functions=tools, floor={f"functions.{name}": need for name, need in floor.items()}
    )


def is_create(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/v1/responses")


def sent_by(visit: Visit, act: Callable[[], object]) -> dict[str, Any]:
    with visit.page.expect_request(is_create) as asked:
        act()
    body: dict[str, Any] = asked.value.post_data_json
    return body
