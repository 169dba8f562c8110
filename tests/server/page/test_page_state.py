"""What must not be lost or mixed up in the chat page: tabs, restarts, odd files, and what the user was doing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.server.conftest import KEY, LiveServer, MakeServer, keys_of
from tests.server.page.conftest import BeginAnswer, MakeVisit, Visit

SLOW = (
    "<|channel|>final<|message|># Title\n\n"
    + "One thing, and another.\n\n" * 20
    + "Done.<|return|>"
)


def other_tab(visit: Visit) -> Visit:
    """Of the same browser, at the same address."""
    other = Visit(visit.page.context.new_page(), visit.url)
    other.watch()
    other.page.goto(visit.page.url)
    expect(other.message).to_be_visible()
    return other


def hold_database(visit: Visit) -> None:
    """Nothing is saved any more, as long as the page is open."""
    visit.page.evaluate(
        """() => new Promise((resolve) => {
          const opening = indexedDB.open('gptoss');
          opening.onsuccess = () => {
            const stores = ['conversations', 'summaries'];
            const held = opening.result.transaction(stores, 'readwrite').objectStore(stores[0]);
            const hold = () => (held.count().onsuccess = () => (resolve(), hold()));
            hold();
          };
        })"""
    )


def take_file(visit: Visit, conversations: list[dict[str, Any]]) -> None:
    file = {"format": "gptoss-conversations", "version": 1, "conversations": conversations}
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Import").click()
    data = json.dumps(file).encode()
    chooser.value.set_files([{"name": "a.json", "mimeType": "application/json", "buffer": data}])


@pytest.mark.thorough
def test_two_tabs_lose_nothing(visit: Visit) -> None:
    visit.ask("What is 1 + 1?")
    other = other_tab(visit)
    other.ask("What is 2 + 2?")
    expect(visit.answers).to_have_count(2)
    visit.ask("What is 3 + 3?")
    expect(other.answers).to_have_count(3)
    for each in (visit, other):
        each.page.reload()
        expect(each.answers).to_have_count(3)
        each.wait()
        assert each.answer() == "6"
        each.assert_clean()


@pytest.mark.thorough
def test_choice_is_kept_when_the_page_is_left_at_once(visit: Visit) -> None:
    visit.ask("What is 1 + 1?")
    visit.message.press("ArrowUp")
    visit.page.get_by_label("Edit your message").press("Enter")
    expect(visit.page.get_by_label("Version 2 of 2")).to_be_visible()
    visit.wait()
    hold_database(visit)
    visit.page.get_by_role("button", name="Previous version").click()
    visit.page.locator(".efforts label", has_text="high").click()
    for _ in range(2):
        # The second time, the database has it.
        visit.page.reload()
        expect(visit.page.get_by_label("Version 1 of 2")).to_be_visible()
        expect(visit.page.locator("input[value=high]")).to_be_checked()
        kept = visit.page.wait_for_function("() => !localStorage.getItem('gptoss.unsaved')")
        assert kept.json_value()
    visit.assert_clean()


@pytest.mark.thorough
def test_conversation_that_another_tab_deleted_stays_deleted(visit: Visit) -> None:
    visit.ask("What is 1 + 1?")
    other = other_tab(visit)
    other.page.once("dialog", lambda dialog: dialog.accept())
    other.page.locator("summary[aria-label^='More for']").click()
    other.page.get_by_role("menuitem", name="Delete").click()
    expect(visit.answers).to_have_count(0)
    visit.page.locator(".efforts label", has_text="high").click()
    visit.page.reload()
    expect(visit.page.get_by_role("navigation").get_by_role("link")).to_have_count(0)


@pytest.mark.thorough
def test_answer_of_another_tab_comes_here_as_well(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(SLOW, "One thing")
    other = Visit(visit.page.context.new_page(), visit.url).open()
    other.page.get_by_role("link", name="Hello").click()
    expect(other.answers.last).to_contain_text("One thing")
    for each in (visit, other):
        each.wait()
        expect(each.answers.last).to_contain_text("Done.")
        expect(each.answers.last).not_to_contain_text("Stopped")
    visit.page.reload()
    expect(visit.answers.last).to_contain_text("Done.")


@pytest.mark.thorough
def test_answer_that_another_tab_finished_first_is_whole(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(SLOW, "One thing")
    late = Visit(visit.page.context.new_page(), visit.url)
    held: list[Route] = []
    late.page.route(re.compile("/v1/responses/resp_"), lambda route: held.append(route))
    with late.page.expect_request(re.compile("/v1/responses/resp_")):
        late.page.goto(visit.page.url)
    with visit.page.expect_response(lambda response: response.request.method == "DELETE"):
        visit.wait()
    # It asks the server only now, which has forgotten the answer.
    for each in held:
        each.continue_()
    late.wait()
    expect(late.answers.last).to_contain_text("Done.")
    visit.page.reload()
    expect(visit.answers.last).to_contain_text("Done.")


def test_part_of_an_answer_outlives_the_server(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(SLOW, "One thing")
    # It saves once a second.
    visit.page.wait_for_timeout(1200)
    # As a server does that was started anew.
    gone = '{"error": {"message": "got the response, which is not kept here"}}'
    visit.page.route(
        re.compile("/v1/responses/resp_"), lambda route: route.fulfill(status=404, body=gone)
    )
    visit.page.reload()
    expect(visit.answers.last).to_contain_text("Stopped.")
    expect(visit.answers.last).to_contain_text("One thing")
    expect(visit.page.get_by_role("button", name="Continue")).to_be_visible()


@pytest.mark.thorough
def test_stop_while_the_server_is_away(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(SLOW, "One thing")
    visit.page.route("**/cancel", lambda route: route.abort())
    visit.page.get_by_role("button", name="Stop").click()
    visit.wait()
    expect(visit.answers.last).to_contain_text("Stopped.")


@pytest.mark.thorough
def test_selection_stays_while_the_answer_goes_on(begin_answer: BeginAnswer) -> None:
    # Its title is finished then.
    visit = begin_answer(SLOW, "One thing")
    title = visit.answers.last.locator("h1")
    title.evaluate("node => getSelection().selectAllChildren(node)")
    visit.wait()
    assert visit.page.evaluate("getSelection().toString()") == "Title"


@pytest.mark.thorough
def test_reader_who_scrolls_up_is_left_alone(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(SLOW, "One thing", viewport={"width": 900, "height": 420})
    expect(visit.answers.last.locator("p").nth(12)).to_be_attached()
    place = "node => node.scrollHeight - node.scrollTop - node.clientHeight"
    thread = visit.page.locator(".thread")
    assert thread.evaluate(place) < 60
    thread.evaluate("node => node.scrollTop = 0")
    expect(visit.page.get_by_role("button", name="To the end")).to_be_visible()
    visit.wait()
    assert thread.evaluate("node => node.scrollTop") == 0
    visit.page.get_by_role("button", name="To the end").click()
    assert thread.evaluate(place) < 60


@pytest.mark.thorough
def test_escape_while_renaming_does_not_stop_the_answer(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(SLOW, "One thing")
    visit.page.locator("summary[aria-label='More for Hello']").click()
    visit.page.get_by_role("menuitem", name="Rename").click()
    visit.page.get_by_role("textbox", name="Title").press("Escape")
    visit.page.get_by_label("Search conversations").press("Escape")
    visit.wait()
    expect(visit.answers.last).to_contain_text("Done.")


@pytest.mark.thorough
def test_key_dialog_cannot_be_left(make_server: MakeServer, make_visit: MakeVisit) -> None:
    visit = make_visit(make_server(keys=keys_of(KEY))).open()
    for _ in range(3):
        visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_role("dialog", name="API key")).to_be_visible()


def test_number_that_cannot_be_is_told_and_not_taken(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Options").click()
    field = visit.page.get_by_label("Temperature")
    field.fill("0.33")
    field.blur()
    expect(visit.page.get_by_role("dialog").get_by_role("alert")).to_have_count(0)
    field.fill("5")
    field.blur()
    expect(visit.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("2")
    visit.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    with visit.page.expect_request("**/v1/responses") as asked:
        visit.ask("What is 1 + 1?")
    assert asked.value.post_data_json["temperature"] == 0.33


@pytest.mark.thorough
def test_prompt_is_the_one_that_was_read(visit: Visit) -> None:
    visit.ask("What is 1 + 1?")
    visit.page.get_by_role("button", name="Options").click()
    visit.page.get_by_label("Instructions").fill("Later ones")
    visit.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    visit.page.get_by_role("button", name="What the model read and wrote").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("What is 1 + 1?")
    expect(dialog).not_to_contain_text("Later ones")


@pytest.mark.thorough
def test_options_of_an_imported_conversation_are_its_own(visit: Visit) -> None:
    turn = {"id": "u", "role": "user", "text": "Hello"}
    options = {"instructions": "Be rude", "schema": "{}"}
    take_file(visit, [{"title": "Theirs", "turns": {"u": turn}, "leaf": "u", "options": options}])
    visit.page.get_by_role("link", name="Theirs").click()
    visit.page.locator(".efforts label", has_text="low").click()
    visit.page.get_by_role("button", name="New chat").click()
    visit.page.get_by_role("button", name="Options").click()
    assert visit.page.get_by_label("Instructions").input_value() == ""
    expect(visit.page.locator("input[value=low]")).to_be_checked()


@pytest.mark.wide(3)
@pytest.mark.parametrize(
    "turns",
    [
        {"a": {"id": "a", "parent": "b"}, "b": {"id": "b", "parent": "a"}},
        {"a": {"id": "a", "parent": "a"}},
        {"a": {"id": "same"}, "b": {"id": "same", "parent": "same"}},
    ],
    ids=["circle", "itself", "twice"],
)
def test_odd_file_does_no_harm(visit: Visit, turns: dict[str, dict[str, Any]]) -> None:
    item = {"id": "twice", "type": "message", "content": [{"text": "x"}]}
    for turn in turns.values():
        turn |= {"role": "assistant", "status": "done", "output": [item, item]}
    leaf = turns["a"]["id"]
    take_file(visit, [{"title": "Odd", "turns": turns, "leaf": leaf}])
    visit.page.get_by_role("link", name="Odd").click()
    expect(visit.answers.first).to_be_visible()
    visit.page.get_by_role("button", name="New chat").click()
    visit.ask("What is 1 + 1?")
    assert visit.answer() == "2"
    visit.assert_clean()


@pytest.mark.thorough
def test_program_has_the_question_as_data(visit: Visit) -> None:
    hostile = "''''+str(print('RAN'))+'a''''' \\ \" `id` $(id) '; id #\n'''"
    visit.ask(hostile)
    visit.page.get_by_role("button", name="What the model read and wrote").click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Python").click()
    source = str(dialog.locator("pre").text_content())
    # What it would send, with something in the place of the client.
    source = source.replace(
        "from openai import OpenAI", "class OpenAI:\n  def __init__(*a, **k): pass"
    )
    source = source[: source.index("response = ")] + "print(body['input'][0]['content'])"
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ran.stdout == hostile + "\n"
    dialog.get_by_role("tab", name="curl").click()
    command = str(dialog.locator("pre").text_content())
    ran = subprocess.run(
        ["bash", "-c", 'curl() { printf %s "${@: -1}"; }\n' + command],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["input"][0]["content"] == hostile


@pytest.mark.thorough
def test_draft_stays_with_its_conversation(visit: Visit) -> None:
    visit.ask("What is 1 + 1?")
    visit.message.fill("half a")
    visit.page.get_by_role("button", name="New chat").click()
    expect(visit.message).to_have_value("")
    visit.page.get_by_role("link", name="What is 1 + 1?").click()
    expect(visit.message).to_have_value("half a")


@pytest.mark.thorough
def test_address_of_nothing(make_visit: MakeVisit, live_server: LiveServer) -> None:
    visit = make_visit(live_server).open("/#0123456789")
    visit.ask("What is 1 + 1?")
    assert visit.answer() == "2"
    assert "#0123456789" not in visit.page.url
    visit.assert_clean()


def test_browser_that_keeps_nothing(make_visit: MakeVisit, live_server: LiveServer) -> None:
    visit = make_visit(live_server)
    visit.page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])"
        " Object.defineProperty(window, name, {get() { throw new DOMException('blocked') }});"
    )
    visit.open()
    expect(visit.page.get_by_role("alert")).to_contain_text("keeps no data")
    visit.ask("What is 1 + 1?")
    assert visit.answer() == "2"
    visit.ask("What is 2 + 2?")
    assert visit.answer() == "4"
    visit.assert_clean()


def test_who_is_faster_than_the_database_loses_nothing(
    make_visit: MakeVisit, live_server: LiveServer
) -> None:
    """What was written or sent before it was open was taken off the page, and kept nowhere."""
    visit = make_visit(live_server)
    visit.page.add_init_script(
        """
        IDBOpenDBRequest.prototype.addEventListener = function (kind, told, ...more) {
          const late = (event) => setTimeout(() => told.call(this, event), 1500);
          const heard = kind === 'success' ? late : told;
          EventTarget.prototype.addEventListener.call(this, kind, heard, ...more);
        };
        """
    )
    visit.open()
    visit.ask("What is 12 + 34?")
    visit.message.fill("And minus")
    visit.page.wait_for_timeout(2000)
    expect(visit.answers).to_have_count(1)
    expect(visit.message).to_have_value("And minus")
    expect(visit.page).to_have_url(re.compile("#.+"))
    visit.page.reload()
    expect(visit.answers).to_have_count(1)
    visit.assert_clean()
