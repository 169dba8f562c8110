"""Tools in the chat page: what is run, what came of it, and how it is stopped and kept."""

from __future__ import annotations

import json
import re
import time
from typing import cast

import pytest
from playwright.sync_api import Locator, expect

from gptoss.tools import Approval
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script, ScriptedTransformer
from tests.server.conftest import LiveServer, MakeServer
from tests.server.page.called import call, cards, cell, functions, panels, part, say, sent_by, think
from tests.server.page.conftest import MakeVisit, Opened, Visit

PLOT = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\nprint('drawn')"
ENDLESS = "print('on and on', flush=True)\nwhile True: pass"


def width_of(picture: Locator) -> int:
    expect(picture).to_be_visible()
    return int(picture.evaluate("node => node.decode().then(() => node.naturalWidth)"))


def test_python_is_run_and_shown(opened: Opened) -> None:
    pytest.importorskip("matplotlib")
    script = think("I draw it.") + cell(PLOT) + think("And divide.") + cell("1 / 0") + say("Done.")
    visit = opened(script + cell("len(plt.get_fignums())") + say("None is open."))
    body = sent_by(visit, lambda: visit.send("Draw a line."))
    assert body["tools"] == [{"type": "code_interpreter", "container": {"type": "auto"}}]
    visit.wait()
    assert visit.answer() == "Done."
    first, second = panels(visit).all()
    expect(first).to_contain_text(re.compile(r"Ran Python\s*\d+(\.\d)? (s|ms)"))
    expect(part(first, "Code")).to_have_text(PLOT)
    expect(part(first, "Code").locator(".hljs-keyword").first).to_have_text("import")
    expect(part(first, "Output")).to_have_text("drawn")
    assert width_of(first.get_by_role("img", name="Picture 1")) > 100
    expect(second).to_contain_text("Failed: Python")
    expect(part(second, "Error")).to_contain_text("ZeroDivisionError")
    # Between the thoughts, as it happened.
    order = visit.answers.last.evaluate(
        "node => [...node.querySelectorAll('.reasoning, .call, .prose')].map((n) => n.classList[0])"
    )
    assert order == ["reasoning", "call", "reasoning", "call", "prose"]

    # A new page has it all, and the model reads it again, but for the picture.
    visit.page.reload()
    assert width_of(panels(visit).get_by_role("img")) > 100
    body = sent_by(visit, lambda: visit.send("Are any open?"))
    calls = [item for item in body["input"] if item.get("type") == "code_interpreter_call"]
    assert [item["outputs"][0]["logs"].splitlines()[-1] for item in calls] == [
        *("drawn", "ZeroDivisionError: division by zero")
    ]
    assert [len(item["outputs"]) for item in calls] == [1, 1]
    visit.wait()
    # In the same container.
    expect(part(panels(visit), "Output")).to_have_text("0")
    visit.assert_clean()


@pytest.mark.thorough
def test_functions_and_their_failures(opened: Opened) -> None:
    both = call("add", '{"a": 2, "b": 3}', "<|end|><|start|>assistant") + call("fail", "{}")
    visit = opened(both + say("5."), functions())
    body = sent_by(visit, lambda: visit.send("What is 2 + 3?"))
    assert body["tools"] == [{"type": "mcp", "server_label": "gptoss"}]
    visit.wait()
    first, second = panels(visit).all()
    expect(first).to_contain_text(re.compile(r"Ran\s+add"))
    expect(part(first, "Arguments")).to_have_text('{\n  "a": 2,\n  "b": 3\n}')
    expect(part(first, "Output")).to_have_text('{\n  "sum": 5\n}')
    expect(second).to_contain_text(re.compile(r"Failed:\s+fail"))
    expect(part(second, "Error")).to_have_text("error: ValueError: no such thing")
    expect(part(second, "Arguments")).to_have_count(0)
    visit.page.reload()
    expect(panels(visit)).to_have_count(2)
    visit.assert_clean()


def test_stop_ends_the_call(opened: Opened) -> None:
    visit = opened(think("I try.") + cell(ENDLESS) + say("Never."))
    visit.send("Go on and on.")
    panel = panels(visit)
    # What it prints is there while it runs.
    expect(part(panel, "Output")).to_have_text("on and on")
    expect(panel).to_contain_text(re.compile(r"Running Python\s*\d+\.\d s"))
    expect(panel).to_have_attribute("aria-busy", "true")
    began = time.monotonic()
    visit.page.get_by_role("button", name="Stop").click()
    expect(panel).to_contain_text(re.compile(r"Stopped: Python\s*\d+\.\d s"))
    assert time.monotonic() - began < 2.0
    expect(part(panel, "Output")).to_contain_text("on and on")
    visit.wait()
    expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
    visit.page.reload()
    expect(panels(visit)).to_contain_text("Stopped: Python")
    visit.assert_clean()


@pytest.mark.thorough
def test_page_that_is_opened_anew_sees_the_call_that_runs(opened: Opened) -> None:
    visit = opened(cell(ENDLESS) + say("Never."))
    visit.send("Go on and on.")
    expect(panels(visit)).to_contain_text(re.compile(r"Running Python\s*[3-9]\.\d s"))
    visit.page.reload()
    # Its clock goes on.
    expect(panels(visit)).to_contain_text(re.compile(r"Running Python\s*([3-9]\.\d|\d\d) s"))
    expect(part(panels(visit), "Output")).to_have_text("on and on")
    visit.page.keyboard.press("Escape")
    expect(panels(visit)).to_contain_text("Stopped: Python")
    visit.assert_clean()


@pytest.mark.thorough
def test_code_is_shown_while_it_is_written(
    make_server: MakeServer, make_visit: MakeVisit, scripted_nano: Script
) -> None:
    code = "total = 0\n" + "total += 1\n" * 20
    model = scripted_nano(cell(code) + say("Done."))
    visit = make_visit(make_server(model, tools=ChosenTools(has_python=True))).open()
    visit.slow = cast(ScriptedTransformer, model.transformer)
    visit.slow.pause_s = 0.05
    visit.send("Count.")
    expect(panels(visit)).to_contain_text("Writing Python")
    expect(part(panels(visit), "Code")).to_contain_text("total += 1")
    visit.wait()
    expect(panels(visit)).to_contain_text("Ran Python")
    # Its beginning and its end, and all of it.
    expect(part(panels(visit), "Code")).to_contain_text("⋯ 8 lines ⋯")
    panels(visit).get_by_role("button", name="Show all").click()
    expect(part(panels(visit), "Code")).to_have_text(code)
    panels(visit).get_by_role("button", name="Copy").click()
    assert visit.page.evaluate("document.title") == "Count. · gptoss"
    panels(visit).get_by_role("button", name="Ran Python").click()
    expect(part(panels(visit), "Code")).to_have_count(0)
    visit.assert_clean()


@pytest.mark.thorough
def test_switches(opened: Opened, make_visit: MakeVisit, live_server: LiveServer) -> None:
    tools = ChosenTools(True, functions().functions, {"functions.add": Approval.ASK})
    visit = opened(say("Yes.") * 3, tools)
    switch = visit.page.get_by_role("button", name="Python", exact=True)
    expect(switch).to_have_attribute("aria-pressed", "true")
    assert re.search("no network", switch.get_attribute("title") or "")
    switch.click()
    body = sent_by(visit, lambda: visit.send("Hello"))
    assert [tool["type"] for tool in body["tools"]] == ["mcp"]
    visit.wait()
    # Remembered, in this conversation and for new ones.
    visit.page.reload()
    expect(switch).to_have_attribute("aria-pressed", "false")
    visit.page.get_by_role("button", name="New chat").click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    visit.page.get_by_role("button", name="Options").click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("The model may run Python").check()
    dialog.get_by_label("The model may call functions").uncheck()
    expect(dialog).to_contain_text(re.compile("Runs in (bubblewrap|Landlock): no network"))
    expect(dialog).to_contain_text("add Add two numbers. asks you before each call")
    dialog.get_by_role("button", name="Close").click()
    body = sent_by(visit, lambda: visit.send("Hello"))
    assert [tool["type"] for tool in body["tools"]] == ["code_interpreter"]
    visit.wait()
    visit.assert_clean()

    plain = make_visit(live_server).open()
    body = sent_by(plain, lambda: plain.send("What is 1 + 2?"))
    assert "tools" not in body
    plain.wait()
    expect(plain.page.get_by_role("button", name="Python", exact=True)).to_have_count(0)
    plain.page.get_by_role("button", name="Options").click()
    expect(plain.page.get_by_role("dialog")).to_contain_text("This server runs no tools.")
    plain.assert_clean()


@pytest.mark.thorough
def test_answers_again_and_other_questions(opened: Opened) -> None:
    visit = opened((cell("x = 6") + say("Kept.")) * 2 + cell("x * 7") + say("It is 42."))
    visit.ask("Keep 6.")
    visit.page.locator("summary[aria-label='Answer again']").click()
    visit.page.get_by_role("menuitem", name="effort low").click()
    expect(visit.page.get_by_label("Version 2 of 2")).to_be_visible()
    visit.wait()
    expect(panels(visit)).to_have_count(1)
    visit.message.press("ArrowUp")
    visit.page.get_by_label("Edit your message").fill("Times 7.")
    visit.page.get_by_label("Edit your message").press("Enter")
    expect(part(panels(visit), "Code")).to_have_text("x * 7")
    visit.wait()
    # Another conversation from its beginning on: another container.
    expect(part(panels(visit), "Error")).to_contain_text("NameError")
    visit.page.get_by_role("button", name="Previous version").click()
    expect(part(panels(visit), "Code")).to_have_text("x = 6")
    visit.assert_clean()


def stored_pictures(visit: Visit) -> int:
    return int(
        visit.page.evaluate(
            """() => new Promise((resolve) => {
              const opening = indexedDB.open('gptoss');
              opening.onsuccess = () => {
                const counting = opening.result.transaction('pictures').objectStore('pictures').count();
                counting.onsuccess = () => resolve(counting.result);
              };
            })"""
        )
    )


@pytest.mark.thorough
def test_pictures_go_with_their_conversations(opened: Opened) -> None:
    pytest.importorskip("matplotlib")
    visit = opened(cell(PLOT) + say("Done."))
    visit.ask("Draw a line.")
    width_of(panels(visit).get_by_role("img"))
    assert stored_pictures(visit) == 1
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Export all").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 1
    # Code and output are found by the search.
    visit.page.get_by_label("Search").fill("plt.plot drawn")
    expect(visit.page.get_by_role("link", name="Draw a line.")).to_have_count(1)
    visit.page.get_by_label("Search").fill("")
    visit.page.on("dialog", lambda dialog: dialog.accept())
    visit.page.get_by_role("link", name="Draw a line.").hover()
    visit.page.get_by_label("More").first.click()
    visit.page.get_by_role("menuitem", name="Delete").click()
    expect(visit.page.get_by_role("link", name="Draw a line.")).to_have_count(0)
    assert stored_pictures(visit) == 0

    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Import").click()
    file = {"name": "a.json", "mimeType": "application/json", "buffer": text.encode()}
    chooser.value.set_files([file])
    visit.page.get_by_role("link", name="Draw a line.").click()
    assert width_of(panels(visit).get_by_role("img")) > 100
    expect(part(panels(visit), "Output")).to_have_text("drawn")
    assert stored_pictures(visit) == 1
    visit.assert_clean()


HOSTILE = r"""
print('<img src=x onerror="document.title=1"><script>document.title = 2</script>')
print('\x1b[31mred\x1b[0m \x1b]0;title\x07text')
print('10 %\r100 %')
print('safe\u202etxt.exe', '\u05e9\u05dc\u05d5\u05dd')
"""


def test_hostile_output_is_text(opened: Opened) -> None:
    big = "print('x' * 10_000_000)"
    bomb = "print('line\\n' * 200_000)"
    visit = opened(cell(HOSTILE) + say("1") + cell(big) + say("2") + cell(bomb) + say("3"))
    visit.ask("<b>Go</b>")
    expect(part(panels(visit), "Output")).to_have_text(
        '<img src=x onerror="document.title=1"><script>document.title = 2</script>\n'
        "red text\n100 %\nsafe\\u202etxt.exe שלום"
    )
    assert visit.page.title() == "<b>Go</b> · gptoss"
    # As much is shown as the model has read.
    for question, is_long in (("In one line.", False), ("In many.", True)):
        visit.page.get_by_role("button", name="New chat").click()
        visit.ask(question)
        output = part(panels(visit), "Output")
        assert 50 < len(output.inner_text()) < 4_000
        show = panels(visit).get_by_role("button", name="Show all")
        expect(show).to_have_count(1 if is_long else 0)
        if is_long:
            show.click()
            assert 1_000 < len(output.inner_text()) < 100_000
    expect(visit.answers.locator("img, script")).to_have_count(0)
    visit.assert_clean()


@pytest.mark.thorough
def test_hostile_files_of_conversations(opened: Opened) -> None:
    visit = opened(say("Hello."))
    urls = [
        f"{visit.url}/health",
        "http://127.0.0.1:9/x.png",
        "javascript:alert(1)",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,bm8gcGljdHVyZQ==",
        "picture:x",
    ]
    html = "<img src=x onerror=alert(1)>"
    python = {
        "type": "code_interpreter_call",
        "code": html,
        "outputs": [
            {"type": "logs", "logs": html},
            *({"type": "image", "url": url} for url in urls),
        ],
    }
    function = {"type": "mcp_call", "name": html, "arguments": html, "output": html}
    waits = {**function, "type": "mcp_approval_request", "id": html}
    turn = {"id": "a", "parent": None, "role": "assistant", "status": "done"}
    turn |= {"output": [python, function, waits], "decisions": {html: {"isApproved": True}}}
    conversation = {"title": "T", "turns": {"a": turn}, "leaf": "a"}
    file = {"format": "gptoss-conversations", "version": 1, "conversations": [conversation]}
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Import").click()
    data = json.dumps(file).encode()
    chooser.value.set_files([{"name": "a.json", "mimeType": "application/json", "buffer": data}])
    visit.page.get_by_role("link", name="T", exact=True).click()
    expect(visit.answers.get_by_text("cannot be shown")).to_have_count(len(urls))
    expect(part(panels(visit).first, "Output")).to_have_text(html)
    expect(cards(visit)).to_contain_text(f"May the model call {html}?")
    # Nobody here has approved it.
    expect(cards(visit).get_by_role("button", name="Approve")).to_be_visible()
    assert visit.page.evaluate("document.querySelectorAll('article img').length") == 0
    visit.assert_clean()
