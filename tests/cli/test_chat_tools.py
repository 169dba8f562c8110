"""Tools in a terminal: what a person sees of them, and is asked."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from gptoss.chat import Chat
from gptoss.cli import tools
from gptoss.cli.answer import show_answer
from gptoss.cli.output import Screen
from gptoss.cli.tools import Person, open_tools
from gptoss.errors import RequestError
from gptoss.harmony import ToolDescription
from gptoss.tools import Approval, ApprovalRequest, Attachment, Invocation, Tool, ToolResult
from gptoss.tools.chosen import ToolOptions
from tests.conftest import ScriptedModel

CALL = " to=functions.add<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"
ANSWER = "<|channel|>final<|message|>Five.<|return|>"
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
    assert text == "call 1: functions.add:\n{}\n\nresult 1, N s:\n5\n\nFive.\n"


def test_output_is_shown_while_it_comes(scripted_model: ScriptedModel) -> None:
    def run(invocation: Invocation) -> str:
        invocation.tell("2 + 3")
        invocation.tell(" = 5\x1b[2J")
        return "2 + 3 = 5\x1b[2J\n5"

    text = re.sub(r"\d+\.\d\d s", "N s", shown(scripted_model, run))
    assert "output 1:\n2 + 3 = 5\ufffd[2J\n\nresult 1, N s:\n5\n\nFive.\n" in text


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


def test_nobody_is_asked_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "can_ask", lambda: False)
    decision = Person().approve(ApprovalRequest("functions.add", "{}", "0", ""))
    assert (decision.is_approved, decision.reason) == (False, "nobody is there to allow it")
