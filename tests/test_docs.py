"""The Python of README and guides runs as it stands there, and commands have the options that their shell lines use."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click import Command
from typer.main import get_command

import gptoss
from gptoss.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "recipes/nano")),
]
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"`(--[a-z][a-z-]*)[^`]*`")
# The body of a request, as a shell line of curl has it.
BODY = re.compile(r"-d '(\{.*?\})'", re.DOTALL)
SUM = re.compile(r"(\d+) \+ (\d+)")
CALL = re.compile(r"(?:^|\| )(gptoss .*)$", re.MULTILINE)


def blocks(kind: re.Pattern[str], page: Path) -> list[str]:
    return kind.findall(page.read_text("utf-8"))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(PYTHON, p)], ids=lambda p: p.name)
def test_examples(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPTOSS_MODEL", raising=False)
    code = "\n".join(blocks(PYTHON, page))
    exec(compile(code, str(page), "exec"), {"__name__": "example"})


def sums() -> list[str]:
    """The bodies of requests on all pages that ask for a sum."""
    found = (
        body for page in PAGES for block in blocks(SHELL, page) for body in BODY.findall(block)
    )
    return sorted({body for body in found if SUM.search(body)})


def test_sums_that_are_asked_for_come_out_right() -> None:
    """They are the first that a newcomer sees; at a low effort the embedded model guesses."""
    assert sums()
    with gptoss.load("nano") as model:
        for body in map(json.loads, sums()):
            (question,) = (message["content"] for message in body["messages"])
            numbers = SUM.search(question)
            assert numbers is not None
            effort = body.get("reasoning_effort", "medium")
            talk = gptoss.Chat(model, effort, sampling=gptoss.SamplingParams(temperature=0))
            assert talk.send(question).content == str(int(numbers[1]) + int(numbers[2]))


def calls() -> list[str]:
    """The shell lines of all pages that call gptoss, up to what follows them."""
    found = (
        call for page in PAGES for block in blocks(SHELL, page) for call in CALL.findall(block)
    )
    return sorted({call.split(" && ")[0] for call in found})


def options(command: Command) -> set[str]:
    """Those that its help and its subcommands' show: not the ones of before, which still work."""
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    own = {option for each in shown for option in (*each.opts, *each.secondary_opts)}
    return own.union(*map(options, getattr(command, "commands", {}).values()))


def test_shell_lines_are_found() -> None:
    assert len(calls()) >= 10


@pytest.mark.parametrize("call", calls())
def test_shell_lines_use_what_is_there(call: str) -> None:
    _, name, *words = shlex.split(call, comments=True)
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options(command)
    # Parsed as a shell would hand it over, without running anything.
    files = {word: str(ROOT / "pyproject.toml") for word in words if word.endswith(".json")}
    command.make_context(name, [files.get(word, word) for word in words])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_options_in_the_text_are_there(page: Path) -> None:
    commands = get_command(app).commands.values()  # type: ignore[attr-defined]
    # Of every command, and of `benchmarks.report`.
    known = {"--help", "--check"}.union(*map(options, commands))
    assert set(OPTION.findall(page.read_text("utf-8"))) <= known
