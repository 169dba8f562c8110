"""The chat page for everybody: rules of accessibility by axe, and the keyboard alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from gptoss.tools import Approval, function_tool
from gptoss.tools.chosen import ChosenTools
from tests.server.conftest import LiveServer
from tests.server.page.called import call, cards, cell, panels, think
from tests.server.page.conftest import MakeVisit, Opened, Visit

AXE = Path(__file__).parents[3] / "web/node_modules/axe-core/axe.min.js"
TEXT = """# Heading\n\nText with `code`, $x^2$ and [a link](https://example.com).\n
| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\ndef f(x):\n    return "x"  # why\n```\n\n> said\n\n- one\n- two\n"""


@pytest.fixture
def rules() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (make web)")
    return AXE.read_text(encoding="utf-8")


def broken_rules(visit: Visit, rules: str) -> list[str]:
    """Each with the first place where it is broken."""
    visit.page.evaluate(rules)
    found = visit.page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {rule['nodes'][0]['html'][:200]} {rule['nodes'][0]['failureSummary']}"
        for rule in found["violations"]
    ]


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        pytest.param("light", 1200, marks=pytest.mark.thorough),
        pytest.param("light", 380, marks=pytest.mark.thorough),
        pytest.param("dark", 1200, marks=pytest.mark.thorough),
        ("dark", 380),
    ],
)
def test_rules(
    make_visit: MakeVisit, live_server: LiveServer, rules: str, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    visit = make_visit(live_server, color_scheme=scheme, viewport=size).open()
    assert broken_rules(visit, rules) == []

    visit.ask("What is 48213 + 9077?")
    visit.show_thoughts()
    assert broken_rules(visit, rules) == []

    turns = [
        {
            "id": "u",
            "parent": None,
            "role": "user",
            "text": "Hello",
            "attachments": [{"name": "a"}],
        },
        {"id": "a", "parent": "u", "role": "assistant", "status": "cut", "output": []},
    ]
    turns[1]["output"] = [{"type": "message", "content": [{"text": TEXT}]}]
    conversation = {"title": "Text", "turns": {turn["id"]: turn for turn in turns}, "leaf": "a"}
    file = {"format": "gptoss-conversations", "version": 1, "conversations": [conversation]}
    if width < 800:
        visit.page.get_by_role("button", name="Open the list").click()
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Import").click()
    data = json.dumps(file).encode()
    chooser.value.set_files([{"name": "a.json", "mimeType": "application/json", "buffer": data}])
    visit.page.get_by_role("link", name="Text").click()
    expect(visit.page.locator("math")).to_be_visible()
    visit.page.wait_for_load_state("networkidle")
    assert broken_rules(visit, rules) == []

    visit.page.get_by_role("button", name="Options").click()
    assert broken_rules(visit, rules) == []


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.parametrize(
    ("scheme", "width"),
    [pytest.param("light", 1200, marks=pytest.mark.thorough), ("dark", 360)],
)
def test_rules_of_tools(opened: Opened, rules: str, scheme: str, width: int) -> None:
    """Panels of calls that went well and failed, one that waits, and the options."""
    tools = ChosenTools(True, (function_tool(add),), {"functions.add": Approval.ASK})
    script = think("I try.") + cell("print('long' * 9999)") + cell("1 / 0")
    size = {"width": width, "height": 800}
    visit = opened(
        script + call("add", '{"a": 2, "b": 3}'), tools, color_scheme=scheme, viewport=size
    )
    assert broken_rules(visit, rules) == []
    visit.ask("What is 2 + 3?")
    expect(cards(visit)).to_have_count(1)
    expect(panels(visit)).to_have_count(2)
    visit.page.wait_for_load_state("networkidle")
    assert broken_rules(visit, rules) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    send = visit.page.get_by_role("button", name="Send").bounding_box()
    assert send is not None
    assert send["x"] + send["width"] < width
    visit.page.get_by_role("button", name="Options").click()
    assert broken_rules(visit, rules) == []


def test_keyboard_alone(visit: Visit) -> None:
    # The page begins where a question is written.
    visit.page.keyboard.type("What is 1 + 1?")
    expect(visit.page.get_by_role("button", name="Send")).to_be_enabled()
    visit.page.keyboard.press("Enter")
    visit.wait()
    focused = "document.activeElement.getAttribute('aria-label')"
    assert visit.page.evaluate(focused) == "Your message"
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate(focused) == "Attach text files"
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("ArrowRight")
    expect(visit.page.locator("input[value=high]")).to_be_checked()
    visit.page.keyboard.press("Control+Shift+O")
    expect(visit.answers).to_have_count(0)
    assert visit.page.evaluate(focused) == "Your message"


def test_a_screen_reader_is_told(visit: Visit) -> None:
    told = visit.page.locator("[aria-live=polite]")
    visit.send("What is 1 + 1?")
    expect(told).to_have_text("The answer is finished.")
