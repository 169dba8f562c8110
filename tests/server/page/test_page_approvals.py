"""Calls that wait for a person in the chat page: approved, denied, decided together, and asked for again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from gptoss.tools import Approval
from gptoss.tools.chosen import ChosenTools
from tests.server.page.called import call, cards, cell, functions, panels, part, say, sent_by, think
from tests.server.page.conftest import Opened


def test_a_call_waits_for_a_person(opened: Opened) -> None:
    tools = functions(add=Approval.ASK)
    visit = opened(call("add", '{"a": 2, "b": 3}') + say("It is 5."), tools)
    visit.ask("What is 2 + 3?")
    expect(cards(visit)).to_contain_text("May the model call add?")
    expect(part(cards(visit), "Arguments")).to_have_text('{\n  "a": 2,\n  "b": 3\n}')
    expect(visit.page.locator("[aria-live]")).to_have_text("A call waits for your decision.")
    # It waits on in a new page, and the keyboard alone can decide.
    visit.page.reload()
    approve = cards(visit).get_by_role("button", name="Approve")
    approve.focus()
    body = sent_by(visit, lambda: approve.press("Enter"))
    request, response = body["input"][-2:]
    assert (request["type"], response["approve"]) == ("mcp_approval_request", True)
    assert response["approval_request_id"] == request["id"]
    visit.wait()
    assert visit.answer() == "It is 5."
    expect(cards(visit)).to_have_count(0)
    expect(part(panels(visit), "Output")).to_have_text('{\n  "sum": 5\n}')
    visit.page.reload()
    expect(panels(visit)).to_have_count(1)
    visit.assert_clean()


@pytest.mark.thorough
def test_a_call_is_denied(opened: Opened) -> None:
    tools = functions(add=Approval.ASK)
    script = call("add", '{"a": 2, "b": 3}') + say("Then not.")
    visit = opened(script + call("add", '{"a": 4, "b": 5}') + say("As you like."), tools)
    visit.ask("What is 2 + 3?")
    cards(visit).get_by_label("Why not").fill("do it in your head")
    body = sent_by(visit, lambda: cards(visit).get_by_label("Why not").press("Enter"))
    assert body["input"][-1]["reason"] == "do it in your head"
    assert body["input"][-1]["approve"] is False
    visit.wait()
    assert visit.answer() == "Then not."
    expect(panels(visit)).to_contain_text(re.compile(r"Not allowed:\s+add"))
    expect(panels(visit)).to_contain_text("not allowed: do it in your head. Nothing was done.")
    # Whoever writes on has not decided.
    visit.ask("What is 4 + 5?")
    visit.ask("Never mind.")
    before = visit.answers.nth(1)
    expect(before.locator(".card")).to_contain_text("Nobody decided; it was not run.")
    expect(before.get_by_role("button", name="Approve")).to_have_count(0)
    visit.assert_clean()


@pytest.mark.thorough
def test_calls_that_wait_are_decided_together(opened: Opened) -> None:
    tools = functions(add=Approval.ASK, fail=Approval.ASK)
    both = call("add", '{"a": 2, "b": 3}', "<|end|><|start|>assistant") + call("fail", "{}")
    visit = opened(both + say("It is 5."), tools)
    visit.ask("What is 2 + 3?")
    expect(cards(visit)).to_have_count(2)
    cards(visit).first.get_by_role("button", name="Approve").click()
    expect(cards(visit).first).to_contain_text("Approved; the other calls wait")
    visit.page.reload()
    expect(cards(visit).first).to_contain_text("Approved; the other calls wait")
    last = cards(visit).last.get_by_role("button", name="Deny")
    body = sent_by(visit, last.click)
    decided = [item for item in body["input"] if item.get("type") == "mcp_approval_response"]
    assert [item["approve"] for item in decided] == [True, False]
    visit.wait()
    expect(panels(visit).first).to_contain_text(re.compile(r"Ran\s+add"))
    expect(panels(visit).last).to_contain_text(re.compile(r"Not allowed:\s+fail"))
    visit.assert_clean()


@pytest.mark.thorough
def test_a_decision_that_did_not_arrive_is_asked_for_again(opened: Opened) -> None:
    tools = functions(add=Approval.ASK)
    visit = opened(call("add", '{"a": 2, "b": 3}') + say("It is 5."), tools)
    visit.ask("What is 2 + 3?")
    refusal = '{"error": {"message": "32 requests wait", "code": "queue_full"}}'
    visit.page.route("**/v1/responses", lambda route: route.fulfill(status=429, body=refusal))
    cards(visit).get_by_role("button", name="Approve").click()
    expect(visit.answers.last).to_contain_text("32 requests wait")
    visit.page.unroute("**/v1/responses")
    cards(visit).get_by_role("button", name="Approve").click()
    expect(panels(visit)).to_contain_text(re.compile(r"Ran\s+add"))
    visit.wait()
    assert visit.answer() == "It is 5."


@pytest.mark.thorough
def test_python_waits_for_a_person(opened: Opened) -> None:
    tools = ChosenTools(has_python=True, floor={"python": Approval.ASK})
    visit = opened(think("I compute.") + cell("6 * 7") + say("It is 42."), tools)
    visit.ask("What is 6 times 7?")
    expect(cards(visit)).to_contain_text("May the model run this Python?")
    expect(part(cards(visit), "Code")).to_have_text("6 * 7")
    cards(visit).get_by_role("button", name="Approve").click()
    expect(part(panels(visit), "Output")).to_have_text("42")
    visit.wait()
    assert visit.answer() == "It is 42."
    visit.assert_clean()
