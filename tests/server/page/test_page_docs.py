"""The page that shows the OpenAPI document, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.server.conftest import KEY, MakeServer, keys_of
from tests.server.page.conftest import MakeVisit, Visit


def opened(visit: Visit) -> Page:
    """The page, when the document is shown."""
    visit.page.goto(f"{visit.url}/docs")
    return visit.page


def test_every_route_is_shown_and_nothing_is_asked_of_others(visit: Visit) -> None:
    page = opened(visit)
    expect(page.locator(".opblock").first).to_be_visible()
    document = visit.page.request.get(f"{visit.url}/openapi.json").json()
    num = sum(len(methods) for methods in document["paths"].values())
    expect(page.locator(".opblock")).to_have_count(num)
    visit.assert_clean()


def test_an_example_is_answered(visit: Visit) -> None:
    page = opened(visit)
    route = page.locator("#operations-openai-chat_completions")
    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Execute").click()
    reply = route.locator(".live-responses-table")
    expect(reply).to_contain_text('"object": "chat.completion"')
    visit.assert_clean()


def test_a_key_is_asked_for(make_visit: MakeVisit, make_server: MakeServer) -> None:
    visit = make_visit(make_server(keys=keys_of(KEY)))
    page = opened(visit)
    page.get_by_label("Key").fill("no key of this server")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("does not know that key")
    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Go on").click()
    route = page.locator("#operations-models-list_models")
    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Execute").click()
    expect(route.locator(".live-responses-table")).to_contain_text('"owned_by": "gptoss"')
    visit.assert_clean()
