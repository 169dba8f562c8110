"""The chat page in a real browser, which tells of whatever it should not do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script, ScriptedModel, ScriptedTransformer
from tests.server.conftest import LiveServer, MakeServer

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# It is to look up nothing, and a container lets it have no sandbox of its own.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
# The embedded model is wrong once in a hundred answers, where they are drawn.
_GREEDY = """
if (self === top && location.protocol === 'http:' && !localStorage.getItem('gptoss.options'))
  localStorage.setItem('gptoss.options', '{"temperature": 0}');
"""
# Tests run side by side, on machines that may have other things to do.
expect.set_options(timeout=60_000)


@dataclass
class Visit:
    """One visitor of the page."""

    page: Page
    url: str
    # Requests to others, dialogs, and errors that the page reported.
    strangers: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    # What writes slowly, so that somebody can do something in the middle of an answer.
    slow: ScriptedTransformer | None = None

    def watch(self) -> None:
        """From now on."""

        def on_request(request: Request) -> None:
            if not request.url.startswith((self.url, "blob:" + self.url)):
                self.strangers.append(request.url)

        self.page.on("request", on_request)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda told: self._on_console(told.type, told.text))
        self.page.add_init_script(_WATCH)
        self.page.add_init_script(_GREEDY)

    def _on_console(self, kind: str, text: str) -> None:
        # A status that the page handles is told by the browser as an error all the same.
        if kind == "error" and "Failed to load resource" not in text:
            self.errors.append(text)

    def violations(self) -> list[str]:
        """What the policy had to stop: nothing, where the page itself is careful."""
        found = self.page.evaluate("window.violations")
        return list(found)

    def assert_clean(self) -> None:
        """Nothing happened that nobody asked for."""
        assert self.strangers == []
        assert self.dialogs == []
        assert self.errors == []
        assert self.violations() == []

    def open(self, path: str = "/") -> Visit:
        """Go there, and wait until the page can be used."""
        self.page.goto(self.url + path)
        expect(self.message).to_be_visible()
        return self

    @property
    def message(self):  # type: ignore[no-untyped-def]
        """Where a question is written."""
        return self.page.get_by_label("Your message")

    @property
    def answers(self):  # type: ignore[no-untyped-def]
        """All that are shown."""
        return self.page.get_by_role("article", name="Answer")

    def ask(self, question: str) -> None:
        """Send a question, and wait until its answer is finished."""
        self.send(question)
        self.wait()

    def send(self, question: str) -> None:
        """Send a question."""
        self.message.fill(question)
        expect(self.page.get_by_role("button", name="Send")).to_be_enabled()
        self.message.press("Enter")

    def wait(self) -> None:
        """Until the last answer is finished."""
        if self.slow is not None:
            self.slow.pause_s = 0.0
        expect(self.answers.last).to_have_attribute("aria-busy", "false")

    def show_thoughts(self) -> None:
        """Those of the last answer."""
        self.answers.last.get_by_role("button", name="Thought").click()

    def answer(self) -> str:
        """The text of the last answer, which is drawn after the answer is there."""
        prose = self.answers.last.locator(".prose").last
        expect(prose).to_have_attribute("aria-busy", "false")
        return str(prose.inner_text())


MakeVisit = Callable[..., Visit]


# For a module alone: as long as it lives, an event loop runs in this thread, and no other test could have one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("GPTOSS_TEST_BROWSER") == "required":
            pytest.fail("no Chromium is installed")
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield made
        made.close()


@pytest.fixture
def make_visit(browser: Browser) -> Iterator[MakeVisit]:
    """Makes a visitor of a server, with a browser profile of its own."""
    contexts = []

    def make(server: LiveServer, **options: object) -> Visit:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        visit = Visit(context.new_page(), server.url)
        visit.watch()
        return visit

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def visit(make_visit: MakeVisit, live_server: LiveServer) -> Visit:
    """A visitor of a server with the embedded model; nothing untoward may have happened at its end."""
    return make_visit(live_server).open()


BeginAnswer = Callable[..., Visit]


@pytest.fixture
def begin_answer(
    make_server: MakeServer, make_visit: MakeVisit, scripted_model: ScriptedModel
) -> BeginAnswer:
    """Makes a visitor who said Hello, and sees the beginning of a scripted answer, which takes seconds from there."""

    def begin(markup: str, beginning: str, **options: object) -> Visit:
        model = scripted_model(markup, pause_s=0.05)
        visit = make_visit(make_server(model), **options).open()
        visit.slow = cast(ScriptedTransformer, model.transformer)
        visit.send("Hello")
        expect(visit.answers.last).to_contain_text(beginning)
        return visit

    return begin


Opened = Callable[..., Visit]


@pytest.fixture
def opened(make_server: MakeServer, make_visit: MakeVisit, scripted_nano: Script) -> Opened:
    """Makes a visitor of a server with tools, Python unless others are given, whose model writes a script."""

    def open_(script: str, tools: ChosenTools | None = None, **options: object) -> Visit:
        server = make_server(scripted_nano(script), tools=tools or ChosenTools(has_python=True))
        return make_visit(server, **options).open()

    return open_


def id_of(visit: Visit) -> str:
    """Of the conversation that is shown."""
    found = re.search("#(.+)$", visit.page.url)
    assert found is not None
    return found.group(1)
