"""Tools in a terminal: what a person sees of them, and is asked."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gptoss.chat import Chat
from gptoss.cli import answer, loading, tools
from gptoss.cli.answer import show_answer
from gptoss.cli.conversation import _Conversation
from gptoss.cli.main import app
from gptoss.cli.output import Screen, Waiting
from gptoss.cli.tools import Person, open_tools
from gptoss.errors import RequestError
from gptoss.harmony import ToolDescription
from gptoss.tools import Approval, ApprovalRequest, Attachment, Invocation, Tool, ToolResult
from gptoss.tools.chosen import ToolOptions
from tests.conftest import Script, ScriptedModel

CALL = " to=functions.add<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"
ANSWER = "<|channel|>final<|message|>Five.<|return|>"
DRAWING = """
from gptoss.harmony import ToolDescription
from gptoss.tools import Attachment, Tool, ToolResult
PICTURE = Attachment("a.png", "image/png", b"PNG")
TOOLS = [Tool(ToolDescription("add"), run=lambda _: ToolResult("5", attachments=(PICTURE,)))]
"""
MODULE = "def add(a: int) -> int: 'Adds.'\ndef look() -> str: 'Looks.'\n"


def shown(
    scripted_model: ScriptedModel,
    run: Callable[[Invocation], object],
    *,
    is_terminal: bool = True,
    save_to: Path | None = None,
) -> str:
    file = io.StringIO()
    screen = Screen(
        Console(file=file, force_terminal=is_terminal, no_color=True, color_system=None)
    )
    chat = Chat(scripted_model(CALL + ANSWER), tools=[Tool(ToolDescription("add"), run=run)])
    show_answer(screen, chat, "?", show_reasoning=False, save_to=save_to)
    return file.getvalue()


def test_a_person_sees_each_call_and_its_result(scripted_model: ScriptedModel) -> None:
    text = re.sub(r"\d+\.\d\d s", "N s", shown(scripted_model, lambda _: "5"))
    assert text == "call 1: add:\n{}\n\nresult 1, N s:\n5\n\nFive.\n"


def test_a_sign_says_what_is_waited_for(
    scripted_model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a tool runs, and while the model reads what came of it: minutes, of a long result."""
    file = io.StringIO()
    seen: list[str] = []

    class Sign(Waiting):
        def start(self, what: str) -> None:
            seen.append(what)

        def stop(self) -> None:
            seen.append("")

    monkeypatch.setattr(answer, "Waiting", Sign)
    chat = Chat(scripted_model(CALL + ANSWER), tools=[Tool(ToolDescription("add"), run=str)])
    console = Console(file=file, force_terminal=True, color_system=None)
    show_answer(Screen(console), chat, "?", show_reasoning=False)
    told = [what for at, what in enumerate(seen) if what or seen[at - 1 : at] != [""]]
    assert told == ["reading", "", "running", "", "reading", ""]


def test_output_is_shown_while_it_comes(scripted_model: ScriptedModel) -> None:
    def run(invocation: Invocation) -> str:
        invocation.tell("2 + 3")
        invocation.tell(" = 5\x1b[2J")
        return "2 + 3 = 5\x1b[2J\n5"

    text = re.sub(r"\d+\.\d\d s", "N s", shown(scripted_model, run))
    assert "output 1:\n2 + 3 = 5\ufffd[2J\n\nresult 1, N s:\n5\n\nFive.\n" in text


def test_code_is_seen_in_the_order_in_which_it_runs(scripted_model: ScriptedModel) -> None:
    """Marks of direction would show another one, in what a person is asked to allow as well."""

    def run(invocation: Invocation) -> str:
        invocation.tell("out \u202eput")
        return "out \u202eput\nresult \u2067x"

    text = shown(scripted_model, run)
    assert "out \\u202eput" in text
    assert "result \\u2067x" in text
    assert not set("\u202e\u2067") & set(text)


def test_a_pipe_gets_the_answer_alone(scripted_model: ScriptedModel) -> None:
    assert shown(scripted_model, lambda _: "5", is_terminal=False) == "Five.\n"


def test_long_results_are_shown_in_part(scripted_model: ScriptedModel) -> None:
    text = shown(scripted_model, lambda _: "\n".join(map(str, range(30))))
    assert "\n23\n... 6 lines more\n" in text


def test_pictures_are_kept_where_a_folder_is_named(
    scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    result = ToolResult("5", attachments=(Attachment("a.png", "image/png", b"PNG"),))
    assert "(1 picture; --save-to DIR keeps them)" in shown(scripted_model, lambda _: result)
    folder = tmp_path / "new"
    text = shown(scripted_model, lambda _: result, save_to=folder)
    assert f"({folder / 'a.png'})" in text
    assert (folder / "a.png").read_bytes() == b"PNG"


@pytest.mark.parametrize(
    ("name", "kept"), [("../../up.png", "up.png"), ("/tmp/at.png", "at.png"), ("..", "file")]
)
def test_a_file_stays_in_the_folder_whatever_its_name(
    scripted_model: ScriptedModel, tmp_path: Path, name: str, kept: str
) -> None:
    result = ToolResult("5", attachments=(Attachment(name, "image/png", b"PNG"),))
    shown(scripted_model, lambda _: result, save_to=tmp_path / "a" / "b")
    found = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert found == [Path("a", "b", kept)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (ToolOptions(["pyton"]), "got the tool 'pyton', wanted python"),
        (ToolOptions(approvals=["ask"]), "got --approval without tools"),
        (ToolOptions(["python"], approvals=["maybe"]), "got --approval 'maybe', wanted allow"),
        (ToolOptions(["python"], approvals=["add=ask"]), "got --approval for 'add', wanted python"),
    ],
)
def test_wrong_options_are_told(options: ToolOptions, told: str) -> None:
    with pytest.raises(RequestError, match=told), open_tools(options):
        pass


def test_approvals_are_for_all_or_for_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    for given, floor in (
        (["ask"], {"functions.add": Approval.ASK, "functions.look": Approval.ASK}),
        (["add=deny"], {"functions.add": Approval.DENY}),
    ):
        with open_tools(ToolOptions(module=path, approvals=given)) as box:
            assert box.floor == floor


@pytest.mark.parametrize(
    ("typed", "approved", "asked_again"),
    [("y\n", True, True), ("always\n", True, False), ("\n", False, True), ("", False, True)],
)
def test_a_person_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    approved: bool,
    asked_again: bool,
) -> None:
    monkeypatch.setattr(tools, "can_ask", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    person, request = Person(), ApprovalRequest("functions.add", '{"a": 1\x1b}', "0", "because")
    assert person.approve(request).is_approved is approved
    said = capsys.readouterr().err
    assert 'add {"a": 1\\x1b}\n(because)\nrun it?' in said
    assert person.approve(request).is_approved is not asked_again
    assert bool(capsys.readouterr().err) is asked_again


def test_ctrl_c_at_the_question_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the end of the answer, nor of a tool: none runs yet."""

    class Keyboard(io.StringIO):
        def readline(self, _: int = -1) -> str:
            signal.raise_signal(signal.SIGINT)
            return "y\n"

    monkeypatch.setattr(tools, "can_ask", lambda: True)
    monkeypatch.setattr(sys, "stdin", Keyboard())
    others: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: others.append(number))
    try:
        request = ApprovalRequest("functions.add", "{}", "0", "because")
        assert not Person().approve(request).is_approved
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert others == [signal.SIGINT]


def test_pictures_are_kept_beside_json(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(DRAWING)
    monkeypatch.setattr(loading, "open_model", lambda _: scripted_nano(CALL + ANSWER))
    asked = ["chat", "?", "--model", "nano", "--json", "--save-to", str(tmp_path / "kept")]
    done = CliRunner().invoke(app, [*asked, "--tools-module", str(mine)])
    (run,) = json.loads(done.stdout)["tool_runs"]
    assert run["files"] == ["a.png"]
    assert (tmp_path / "kept" / "a.png").read_bytes() == b"PNG"
    refused = CliRunner().invoke(app, asked)
    assert "got --save-to without tools, wanted --tools or --tools-module" in str(refused.exception)


def test_nobody_is_asked_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "can_ask", lambda: False)
    decision = Person().approve(ApprovalRequest("functions.add", "{}", "0", ""))
    assert (decision.is_approved, decision.reason) == (False, "nobody is there to allow it")


def test_always_is_for_one_conversation(
    monkeypatch: pytest.MonkeyPatch, scripted_model: ScriptedModel
) -> None:
    """What was allowed in one is asked for again in the next: /new begins it."""
    monkeypatch.setattr(tools, "can_ask", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("always\n"))
    person, request = Person(), ApprovalRequest("functions.add", "{}", "0", "because")
    chat = Chat(scripted_model(ANSWER), approve=person.approve)
    talk = _Conversation(Screen(), chat, False, None, person.forget)
    assert person.approve(request).is_approved
    talk.take("/system Be brief.")
    assert person.approve(request).is_approved
    talk.take("/new")
    assert not person.approve(request).is_approved


PRINTING = '''
import sys

def add(a: int, b: int) -> int:
    """Adds."""
    print("I add", a)
    print("and", b, file=sys.stderr)
    return a + b
'''


@pytest.mark.parametrize("shows", [True, False])
def test_what_a_function_prints_is_its_output(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shows: bool
) -> None:
    """Between the call and its result, where a person looks; a pipe has the answer alone."""
    mine = tmp_path / "mine.py"
    mine.write_text(PRINTING)
    call = (
        ' to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a":2,"b":3}<|call|>'
    )
    monkeypatch.setattr(loading, "open_model", lambda _: scripted_nano(call + ANSWER))
    asked = ["chat", "?", "--model", "nano", "--tools-module", str(mine)]
    done = CliRunner().invoke(app, [*asked, *(["--show-reasoning"] if shows else [])])
    assert done.exit_code == 0, done.output
    if shows:
        assert re.search(r"output 1:\nI add 2\nand 3\n\nresult 1, [\d.]+ s:\n5\n", done.stdout)
    else:
        assert "I add" not in done.output
    as_json = CliRunner().invoke(app, [*asked, "--json"])
    (run,) = json.loads(as_json.stdout)["tool_runs"]
    assert run["result"] == "5"
