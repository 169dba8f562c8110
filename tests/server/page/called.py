"""Calls as a model writes them, and as the chat page shows them."""

from __future__ import annotations

from playwright.sync_api import Locator

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
