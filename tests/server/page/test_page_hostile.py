"""Texts that are made to hold up whoever reads them: the page shows them, and answers meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.server.page.conftest import Visit
from tests.server.page.test_page_safety import check_only_text, take

HOSTILE = json.loads((Path(__file__).parent / "hostile.json").read_text(encoding="utf-8"))
# So many groups, of texts that stand apart in the file: each has some of every kind.
GROUPS = 28
# Every other one is streamed too, which takes longer.
STREAMED = HOSTILE[::2]
# More than is read in one piece.
NUM_CHARACTERS = 12_000
# A piece takes up to 0.3 s, on a machine that has other things to do as well.
LONGEST_S = 3.0
# Characters of a delta: so many that the whole is told in some hundred.
STEP = 100
END = "The end of it."
_WATCH = """() => {
  window.longest = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - last);
    last = now;
  }, 20);
}"""


def text_of(hostile: dict[str, str]) -> str:
    """The text, and behind it something that is shown if nothing is lost."""
    count = -(-NUM_CHARACTERS // len(hostile["unit"]))
    return f"{hostile['before']}{hostile['unit'] * count}{hostile['after']}\n\n{END}"


def answered(title: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    """A conversation with one answer."""
    asked = {"id": "u", "parent": None, "role": "user", "text": "q", "created": 1}
    answer = {"id": "a", "parent": "u", "role": "assistant", "status": "done", "output": output}
    return {"title": title, "leaf": "a", "turns": {"u": asked, "a": {**answer, "created": 2}}}


def message_of(text: str) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": text}]}


def show(visit: Visit, title: str) -> None:
    """Open a conversation, and wait until all of it is drawn."""
    visit.page.get_by_role("link", name=title, exact=True).click()
    expect(visit.answers).to_have_count(1)
    expect(visit.page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect_drawn(visit)


def expect_drawn(visit: Visit) -> None:
    """Wait until all text is drawn, which is done in pieces."""
    expect(visit.page.locator(".prose[aria-busy=true]")).to_have_count(0, timeout=60_000)


def longest_s(visit: Visit) -> float:
    """How long the page answered nothing, at the longest since it was asked last."""
    # What is set and coloured comes after the text.
    visit.page.wait_for_timeout(50)
    return float(visit.page.evaluate("const was = window.longest; window.longest = 0; was")) / 1000


def events_of(text: str) -> Iterator[dict[str, Any]]:
    """An answer as it is streamed, in small steps."""
    response = {"id": "resp_1", "status": "in_progress", "output": []}
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "content": []}
    yield {"type": "response.created", "response": response}
    yield {"type": "response.output_item.added", "item": item}
    for at in range(0, len(text), STEP):
        delta = text[at : at + STEP]
        yield {"type": "response.output_text.delta", "item_id": "msg_1", "delta": delta}
    whole = {**item, **message_of(text), "status": "completed"}
    yield {"type": "response.output_item.done", "item": whole}
    yield {
        "type": "response.completed",
        "response": {**response, "status": "completed", "output": [whole], "usage": None},
    }


def stream_of(text: str) -> bytes:
    numbered = ({**each, "sequence_number": at} for at, each in enumerate(events_of(text)))
    return "".join(f"data: {json.dumps(each)}\n\n" for each in numbered).encode()


@pytest.mark.wide(28)
@pytest.mark.parametrize("first", range(GROUPS))
def test_page_answers_while_it_shows_what_was_imported(visit: Visit, first: int) -> None:
    group = HOSTILE[first::GROUPS]
    take(visit, [answered(each["name"], [message_of(text_of(each))]) for each in group])
    visit.page.evaluate(_WATCH)
    for hostile in group:
        show(visit, hostile["name"])
        expect(visit.answers.last).to_contain_text(END)
        assert longest_s(visit) < LONGEST_S, hostile["name"]
    check_only_text(visit)


@pytest.mark.wide(14)
@pytest.mark.parametrize("first", range(GROUPS // 2))
def test_page_answers_while_an_answer_is_streamed(visit: Visit, first: int) -> None:
    texts: list[str] = []

    def on_route(route: Route) -> None:
        if route.request.method == "POST":
            body = stream_of(texts[-1])
            route.fulfill(status=200, content_type="text/event-stream", body=body)
        else:
            route.fulfill(status=200, content_type="application/json", body="{}")

    visit.page.route("**/v1/responses**", on_route)
    visit.page.evaluate(_WATCH)
    for hostile in STREAMED[first :: GROUPS // 2]:
        texts.append(text_of(hostile))
        visit.page.get_by_role("button", name="New chat").click()
        visit.send("q")
        expect(visit.answers).to_have_count(1)
        expect(visit.answers.last).to_have_attribute("aria-busy", "false", timeout=60_000)
        expect_drawn(visit)
        expect(visit.answers.last).to_contain_text(END)
        assert longest_s(visit) < LONGEST_S, hostile["name"]
    check_only_text(visit)


@pytest.mark.thorough
def test_page_answers_whatever_has_a_hostile_text(visit: Visit) -> None:
    """Thoughts, questions, files, calls and their results are shown as they are, however long and deep."""
    deep = "[" * 100_000 + "]" * 100_000
    wide = json.dumps({"a": list(range(20_000))})
    long = "word " * 100_000
    output: list[dict[str, Any]] = [
        {
            "type": "reasoning",
            "content": [{"type": "reasoning_text", "text": long + "\n" * 50_000}],
        },
        {"type": "function_call", "call_id": "c1", "name": "deep", "arguments": deep},
        {"type": "function_call", "call_id": "c2", "name": "wide", "arguments": wide},
        message_of(f"{long}\n\n{END}"),
    ]
    made = answered("Hostile", output)
    made["turns"]["u"] |= {
        "text": long,
        "attachments": [{"name": "`" * 500, "text": "` " * 200_000}],
    }
    take(visit, [made])
    visit.page.evaluate(_WATCH)
    show(visit, "Hostile")
    visit.show_thoughts()
    expect(visit.answers.last.locator(".thoughts")).to_contain_text("word word")
    calls = visit.page.locator(".call pre").all_text_contents()
    assert calls == [deep, json.dumps(json.loads(wide), indent=2)]
    expect(visit.answers.last).to_contain_text(END)
    assert longest_s(visit) < LONGEST_S
    check_only_text(visit)


def test_schema_of_a_file_that_is_too_deep_is_told(visit: Visit) -> None:
    made = answered("Deep", [message_of(END)])
    made["turns"]["a"]["options"] = {"schema": "[" * 5_000 + "]" * 5_000}
    take(visit, [made])
    show(visit, "Deep")
    visit.page.get_by_role("button", name="What the model read and wrote").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("The schema is nested 5000 deep, wanted at most 100.")
    dialog.get_by_role("tab", name="Output").click()
    expect(dialog).to_contain_text(END)
    visit.assert_clean()


def test_text_that_is_not_set_says_why(visit: Visit) -> None:
    text = "a *b " * 4_000
    take(visit, [answered("Long", [message_of(text)])])
    show(visit, "Long")
    expect(visit.answers.last).to_contain_text(
        "Shown as it was written: 19,999 characters in one piece."
    )
    assert visit.answers.last.locator("pre code").text_content() == text.rstrip()
