"""What people do with the chat page, in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gptoss.tokenizer import Tokenizer
from tests.conftest import ScriptedModel, ids_of
from tests.server.conftest import KEY, LiveServer, MakeServer, keys_of
from tests.server.page.conftest import BeginAnswer, MakeVisit, Visit

SUM = "What is 48213 + 9077?"
# As long as somebody needs to do something in the middle of it.
THINKING = (
    "<|channel|>analysis<|message|>" + "One thing, and another. " * 25 + "<|end|>"
    "<|start|>assistant<|channel|>final<|message|>Done.<|return|>"
)


def options_of(page: Page) -> None:
    page.get_by_role("button", name="Options").click()


def close_dialog(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Close").click()


def choose_effort(page: Page, effort: str) -> None:
    # The radio button itself is drawn by its label.
    page.locator(".efforts label", has_text=effort).click()


def test_question_thoughts_and_answer(visit: Visit) -> None:
    visit.ask(SUM)
    assert visit.answer() == "57290"
    expect(visit.page.locator(".thoughts")).to_have_count(0)
    visit.show_thoughts()
    expect(visit.page.locator(".thoughts")).to_contain_text("48213+09077\nones 3+7+0=0 c1")
    numbers = visit.page.locator(".numbers").inner_text()
    assert re.fullmatch(
        r"[\d,.]+ tokens/s · first after [\d.]+ s · \d+( \(\d+ cached\))? \+ \d+ tokens", numbers
    )
    assert visit.page.title() == f"{SUM} · gptoss"
    visit.assert_clean()


@pytest.mark.thorough
def test_effort_is_part_of_the_request(visit: Visit) -> None:
    choose_effort(visit.page, "high")
    with visit.page.expect_request("**/v1/responses") as asked:
        visit.ask(SUM)
    body = asked.value.post_data_json
    assert body["reasoning"] == {"effort": "high"}
    assert body["background"] is True
    # A new page has it still.
    visit.open()
    expect(visit.page.locator("input[value=high]")).to_be_checked()


@pytest.mark.thorough
def test_conversation_goes_on(visit: Visit) -> None:
    visit.ask("What is 1 + 2?")
    with visit.page.expect_request("**/v1/responses") as asked:
        visit.ask("What is 3 + 4?")
    kinds = [item.get("type") or item["role"] for item in asked.value.post_data_json["input"]]
    assert kinds == ["user", "reasoning", "assistant", "user"]
    assert visit.answer() == "7"
    expect(visit.answers).to_have_count(2)
    visit.assert_clean()


@pytest.mark.thorough
def test_again_makes_a_branch(visit: Visit) -> None:
    visit.ask(SUM)
    visit.page.locator("summary[aria-label='Answer again']").click()
    visit.page.get_by_role("menuitem", name="effort high").click()
    expect(visit.page.get_by_label("Version 2 of 2")).to_be_visible()
    visit.wait()
    assert visit.answer() == "57290"
    visit.page.get_by_role("button", name="Previous version").click()
    expect(visit.page.get_by_label("Version 1 of 2")).to_be_visible()
    visit.page.reload()
    expect(visit.page.get_by_label("Version 1 of 2")).to_be_visible()
    visit.assert_clean()


def test_edited_question_makes_a_branch(visit: Visit) -> None:
    visit.ask("What is 1 + 2?")
    visit.message.press("ArrowUp")
    field = visit.page.get_by_label("Edit your message")
    field.fill("What is 5 + 6?")
    field.press("Enter")
    expect(visit.page.get_by_label("Version 2 of 2")).to_be_visible()
    visit.wait()
    assert visit.answer() == "11"
    expect(visit.answers).to_have_count(1)
    visit.page.get_by_role("button", name="Previous version").click()
    assert visit.answer() == "3"
    visit.assert_clean()


def test_stop(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(THINKING, "One thing")
    visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_text("Stopped.")).to_be_visible()
    visit.wait()
    # The server has not kept it.
    expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
    visit.assert_clean()


@pytest.mark.thorough
def test_page_that_is_opened_anew_goes_on_with_the_answer(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(THINKING, "One thing")
    visit.page.reload()
    visit.wait()
    assert visit.answer() == "Done."
    visit.show_thoughts()
    expect(visit.page.locator(".thoughts")).to_have_text("One thing, and another. " * 25)
    visit.assert_clean()


@pytest.mark.thorough
def test_answer_goes_on_while_another_conversation_is_shown(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(THINKING, "One thing")
    visit.page.get_by_role("button", name="New chat").click()
    expect(visit.answers).to_have_count(0)
    visit.page.get_by_role("link", name="Hello").click()
    visit.wait()
    assert visit.answer() == "Done."
    visit.assert_clean()


@pytest.mark.thorough
def test_answer_now(begin_answer: BeginAnswer, nano_tokenizer: Tokenizer) -> None:
    visit = begin_answer(THINKING, "One thing")
    assert visit.slow is not None
    with visit.page.expect_request(
        lambda request: request.url.endswith("/v1/responses") and request.method == "POST"
    ) as asked:
        visit.page.get_by_role("button", name="Answer now").click()
        expect(visit.page.get_by_role("button", name="Answer now")).to_have_count(0)
        # The script goes on where the second response begins.
        visit.slow.script = ids_of("Done.<|return|>", nano_tokenizer)
    body = asked.value.post_data_json
    assert body["reasoning_tokens"] == 0
    assert body["input"][-1]["content"][0]["text"].startswith("One thing")
    visit.wait()
    visit.show_thoughts()
    expect(visit.page.locator(".thoughts")).to_contain_text("One thing")
    visit.assert_clean()


def test_continue(visit: Visit) -> None:
    options_of(visit.page)
    visit.page.get_by_label("Temperature").fill("0")
    visit.page.get_by_label("Most tokens", exact=True).fill("40")
    close_dialog(visit.page)
    visit.ask(SUM)
    expect(visit.answers.last).to_contain_text("Cut off")
    goes_on = visit.page.get_by_role("button", name="Continue")
    for _ in range(3):
        if goes_on.count() == 0:
            break
        with visit.page.expect_request("**/v1/responses"):
            goes_on.click()
        visit.wait()
    assert visit.answer() == "57290"
    visit.show_thoughts()
    thoughts = visit.page.locator(".thoughts")
    expect(thoughts).to_have_text(re.compile("^48213\\+09077\nones .*\n= 057290$", re.DOTALL))
    visit.page.reload()
    expect(visit.answers.last).to_contain_text("57290")
    visit.assert_clean()


@pytest.mark.thorough
def test_schema(visit: Visit) -> None:
    options_of(visit.page)
    field = visit.page.get_by_label("JSON Schema of the answer")
    field.fill('{"type": "object"')
    field.blur()
    expect(visit.page.get_by_role("dialog")).to_contain_text("This is not JSON")
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    field.fill(json.dumps({**schema, "additionalProperties": False}))
    field.blur()
    close_dialog(visit.page)
    visit.ask(SUM)
    assert list(json.loads(visit.answer())) == ["sum"]
    visit.assert_clean()


def test_functions_with_results_by_hand(
    make_server: MakeServer, make_visit: MakeVisit, scripted_model: ScriptedModel
) -> None:
    model = scripted_model(
        "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>"
        '{"city": "Köln"}<|call|>'
        "<|channel|>final<|message|>Rain in Köln.<|return|>"
    )
    visit = make_visit(make_server(model)).open()
    options_of(visit.page)
    tool = {
        "type": "function",
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    visit.page.get_by_label("Functions, as OpenAI's API has them").fill(json.dumps([tool]))
    close_dialog(visit.page)
    visit.ask("Weather in Köln?")
    expect(visit.answers.last).to_contain_text('"city": "Köln"')
    visit.page.get_by_label("Result of weather").fill("rain")
    with visit.page.expect_request("**/v1/responses") as asked:
        visit.page.get_by_role("button", name="Send result").click()
    call, result = asked.value.post_data_json["input"][-2:]
    assert (call["type"], call["name"]) == ("function_call", "weather")
    assert result == {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "rain",
    }
    expect(visit.answers).to_have_count(2)
    visit.wait()
    assert visit.answer() == "Rain in Köln."
    visit.assert_clean()


@pytest.mark.thorough
def test_prompt_and_programs(visit: Visit) -> None:
    visit.ask(SUM)
    visit.page.get_by_role("button", name="What the model read and wrote").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"<|start|>user<|message|>{SUM}<|end|>")
    dialog.get_by_role("tab", name="curl").click()
    expect(dialog).to_contain_text(f"curl {visit.url}/v1/responses")
    dialog.get_by_role("tab", name="Python").click()
    source = dialog.locator("pre").inner_text()
    compile(source, "example", "exec")
    assert f'base_url="{visit.url}/v1"' in source
    visit.assert_clean()


@pytest.mark.thorough
def test_seed_gives_the_same_answer(visit: Visit) -> None:
    options_of(visit.page)
    visit.page.get_by_label("Seed").fill("7")
    visit.page.get_by_label("Temperature").fill("2")
    close_dialog(visit.page)
    visit.ask("What is 12345 + 67890?")
    first = visit.answer()
    visit.page.locator("summary[aria-label='Answer again']").click()
    visit.page.get_by_role("menuitem", name="effort medium").click()
    expect(visit.page.get_by_label("Version 2 of 2")).to_be_visible()
    visit.wait()
    assert visit.answer() == first


@pytest.mark.thorough
def test_files(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Köln has ```three``` quarters.", encoding="utf-8")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x00\x00")
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Attach text files").click()
    chooser.value.set_files([tmp_path / "notes.txt", tmp_path / "photo.png"])
    expect(visit.page.get_by_role("alert")).to_contain_text("photo.png is no text in UTF-8")
    expect(visit.page.get_by_label("Attached files")).to_contain_text("notes.txt")
    with visit.page.expect_request("**/v1/responses") as asked:
        visit.ask("What does it say?")
    text = asked.value.post_data_json["input"][0]["content"]
    assert text == (
        'File "notes.txt":\n````\nKöln has ```three``` quarters.\n````\n\nWhat does it say?'
    )
    visit.assert_clean()


def test_key(make_server: MakeServer, make_visit: MakeVisit) -> None:
    visit = make_visit(make_server(keys=keys_of(KEY))).open()
    dialog = visit.page.get_by_role("dialog", name="API key")
    dialog.get_by_label("Key", exact=True).fill("a wrong key, and a long one")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_contain_text("an API key that is not known")
    dialog.get_by_label("Key", exact=True).fill(KEY)
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_have_count(0)
    visit.ask(SUM)
    assert visit.answer() == "57290"
    visit.page.reload()
    expect(visit.answers).to_have_count(1)
    visit.assert_clean()


@pytest.mark.thorough
def test_failure_is_told_and_can_be_tried_again(visit: Visit) -> None:
    refusal = '{"error": {"message": "32 requests wait", "code": "queue_full"}}'
    visit.page.route("**/v1/responses", lambda route: route.fulfill(status=429, body=refusal))
    visit.ask(SUM)
    expect(visit.answers.last).to_contain_text("32 requests wait")
    visit.page.unroute("**/v1/responses")
    visit.page.locator("summary[aria-label='Answer again']").click()
    visit.page.get_by_role("menuitem", name="effort medium").click()
    expect(visit.page.get_by_label("Version 2 of 2")).to_be_visible()
    visit.wait()
    assert visit.answer() == "57290"


def test_broken_connection_is_taken_up_again(begin_answer: BeginAnswer) -> None:
    visit = begin_answer(THINKING, "One thing")
    with visit.page.expect_request(re.compile(r"starting_after=\d")):
        visit.page.context.set_offline(True)
        visit.page.wait_for_timeout(100)
        visit.page.context.set_offline(False)
        # What runs already does not notice that the network was away, so it is cut as well.
        visit.page.evaluate("window.stop()")
    visit.wait()
    assert visit.answer() == "Done."


@pytest.mark.thorough
def test_nothing_is_left_on_the_server(visit: Visit, live_server: LiveServer) -> None:
    with visit.page.expect_response(
        lambda reply: reply.request.method == "DELETE" and reply.ok
    ) as deleted:
        visit.ask(SUM)
    assert re.search("/v1/responses/resp_[0-9a-f]+$", deleted.value.url)


@pytest.mark.thorough
def test_progress_of_a_long_prompt(visit: Visit) -> None:
    # It can be too short for a look from outside.
    visit.page.evaluate(
        """() => {
          window.told = new Set();
          const look = () => {
            const bar = document.querySelector('[aria-label="How much of the prompt is read"]');
            if (bar) told.add(bar.closest('article').innerText.trim());
          };
          new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
        }"""
    )
    visit.ask("word " * 700)
    told = visit.page.evaluate("[...told]")
    assert re.match(r"Reading [0-9,]+ of 2,\d\d\d tokens", told[0])
    visit.assert_clean()


@pytest.mark.thorough
def test_colours(visit: Visit) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit.page.evaluate(ground)
    options_of(visit.page)
    visit.page.get_by_label("dark").check()
    assert visit.page.evaluate(ground) != light
    visit.page.reload()
    expect(visit.message).to_be_visible()
    assert visit.page.evaluate(ground) != light
    visit.assert_clean()


@pytest.mark.thorough
def test_narrow(make_visit: MakeVisit, live_server: LiveServer) -> None:
    visit = make_visit(live_server, viewport={"width": 360, "height": 640}).open()
    visit.ask("What is 1 + 1?")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    visit.page.get_by_role("button", name="Open the list").click()
    visit.page.get_by_role("link", name="What is 1 + 1?").click()
    expect(visit.page.get_by_role("navigation")).to_be_hidden()
    visit.assert_clean()
