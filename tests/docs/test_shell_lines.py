"""Commands have the options that pages give them, in blocks that nothing runs as well, and in their text."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click import Command
from typer.main import get_command

from checks import documentation
from checks.project import Project
from gptoss.cli.main import app

ROOT = Path(__file__).parents[2]
PROJECT = Project.of_git(ROOT)
PAGES = documentation.pages(PROJECT)
OPTION = re.compile(r"`(--[a-z][a-z-]*)[^`]*`")
CALL = re.compile(r"(?:^|\| )(gptoss .*)$", re.MULTILINE)
QUOTED_CALL = re.compile(r"`gptoss ([a-z]+)( [^`]*)`")
COMMANDS: dict[str, Command] = get_command(app).commands  # type: ignore[attr-defined]


def calls() -> list[str]:
    """The shell lines of all pages that call gptoss, up to what follows them."""
    blocks = (block for page in PAGES for block in documentation.blocks(page, PROJECT.text(page)))
    found = (
        call for block in blocks if block.language == "sh" for call in CALL.findall(block.code)
    )
    return sorted({re.split(r" (?:&&|\||\d?>) ", call)[0] for call in found})


def quoted_calls() -> list[tuple[str, str]]:
    """Commands and what stands behind them, as the text of all pages quotes them."""
    return sorted({call for page in PAGES for call in QUOTED_CALL.findall(PROJECT.text(page))})


def options(command: Command) -> set[str]:
    """Those that its help and its subcommands' show: not the ones of before, which still work."""
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    own = {option for each in shown for option in (*each.opts, *each.secondary_opts)}
    return own.union(*map(options, getattr(command, "commands", {}).values()))


def given(words: list[str]) -> set[str]:
    """The options among the words of a line."""
    return {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}


def test_calls_are_found() -> None:
    assert len(calls()) >= 20
    assert len(quoted_calls()) >= 5


@pytest.mark.parametrize("call", calls())
def test_lines_use_what_is_there(call: str) -> None:
    _, name, *words = shlex.split(call, comments=True)
    assert given(words) <= options(COMMANDS[name])
    # Parsed as a shell would hand it over, without running anything.
    files = {word: str(ROOT / "pyproject.toml") for word in words if word.endswith(".json")}
    COMMANDS[name].make_context(name, [files.get(word, word) for word in words])


@pytest.mark.parametrize(("name", "rest"), quoted_calls())
def test_the_text_calls_what_is_there(name: str, rest: str) -> None:
    assert given(rest.split()) <= options(COMMANDS[name])


def test_the_guide_has_every_command() -> None:
    shown = {name for name, command in COMMANDS.items() if not command.hidden}
    assert shown <= set(re.findall(r"`gptoss ([a-z]+)`", PROJECT.text("docs/commands.md")))


@pytest.mark.parametrize("page", PAGES)
def test_options_in_the_text_are_there(page: str) -> None:
    # Of every command, and of `benchmarks.report`.
    known = {"--help", "--check"}.union(*map(options, COMMANDS.values()))
    assert set(OPTION.findall(PROJECT.text(page))) <= known
