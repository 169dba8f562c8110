"""The list of conversations in the chat page: search, names, deleting, files out and in."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.server.conftest import LiveServer
from tests.server.page.conftest import MakeVisit, Visit

SUM = "What is 48213 + 9077?"


@pytest.mark.thorough
def test_list_of_conversations(visit: Visit) -> None:
    for question in ("What is 1 + 1?", "What is 2 + 2?"):
        visit.ask(question)
        visit.page.get_by_role("button", name="New chat").click()
    links = visit.page.get_by_role("navigation").get_by_role("link")
    expect(links).to_have_text(["What is 2 + 2?", "What is 1 + 1?"])
    menu = visit.page.locator("summary[aria-label='More for What is 1 + 1?']")
    menu.click()
    visit.page.get_by_role("menuitem", name="Pin").click()
    expect(links).to_have_text(["What is 1 + 1?", "What is 2 + 2?"])
    menu.click()
    visit.page.get_by_role("menuitem", name="Rename").click()
    visit.page.get_by_role("textbox", name="Title").fill("Sums")
    visit.page.get_by_role("textbox", name="Title").press("Enter")
    expect(links).to_have_text(["Sums", "What is 2 + 2?"])
    # By what was said, not only by the title.
    visit.page.keyboard.press("Control+k")
    visit.page.keyboard.type("1 + 1")
    expect(links).to_have_text(["Sums"])
    visit.page.get_by_label("Search conversations").fill("")
    visit.page.once("dialog", lambda dialog: dialog.accept())
    visit.page.locator("summary[aria-label='More for Sums']").click()
    visit.page.get_by_role("menuitem", name="Delete").click()
    expect(links).to_have_text(["What is 2 + 2?"])
    visit.page.reload()
    expect(links).to_have_text(["What is 2 + 2?"])
    visit.assert_clean()


def test_export_and_import(visit: Visit, make_visit: MakeVisit, live_server: LiveServer) -> None:
    visit.ask(SUM)
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("button", name="Export all").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    menu = visit.page.locator(f"summary[aria-label='More for {SUM}']")
    menu.click()
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("menuitem", name="Save as Markdown").click()
    assert saved.value.suggested_filename == "What is 48213  9077.md"
    assert f"## You\n\n{SUM}" in Path(saved.value.path()).read_text(encoding="utf-8")

    other = make_visit(live_server).open()
    with other.page.expect_file_chooser() as chooser:
        other.page.get_by_role("button", name="Import").click()
    file = {"name": "a.json", "mimeType": "application/json", "buffer": text.encode()}
    chooser.value.set_files([file])  # type: ignore[list-item]
    other.page.get_by_role("link", name=SUM).click()
    assert other.answer() == "57290"
    other.ask("What is 1 + 1?")
    assert other.answer() == "2"
    other.assert_clean()


@pytest.mark.wide(4)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "This file is not JSON"),
        ('{"conversations": []}', "no conversations of this page"),
        ('{"format": "gptoss-conversations", "version": 9, "conversations": []}', "version 9"),
        (
            '{"format": "gptoss-conversations", "version": 1, "conversations": [{"turns": {"a": {}}}]}',
            "neither of the user",
        ),
    ],
)
def test_import_of_a_wrong_file(visit: Visit, text: str, told: str) -> None:
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Import").click()
    file = {"name": "a.json", "mimeType": "application/json", "buffer": text.encode()}
    chooser.value.set_files([file])  # type: ignore[list-item]
    expect(visit.page.get_by_role("alert")).to_contain_text(told)
    visit.assert_clean()
