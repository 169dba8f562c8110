"""The options of a model: one description for all commands."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gptoss.cli.bench import bench
from gptoss.cli.chat import chat
from gptoss.cli.complete import complete
from gptoss.cli.fit import fit
from gptoss.cli.main import app
from gptoss.cli.model_options import takes_model
from gptoss.cli.serve import serve
from gptoss.runtime import ModelOptions


def found(*arguments: str) -> ModelOptions:
    """What a command with all of the options is given."""
    taken: list[ModelOptions] = []
    app = typer.Typer()

    @app.command()
    @takes_model()
    def command(prompt: str = "", *, options: ModelOptions) -> None:
        assert prompt == ""
        taken.append(options)

    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return taken[0]


def test_nothing_is_what_the_options_are_by_themselves() -> None:
    assert found() == ModelOptions()


def test_each_reaches_its_field() -> None:
    texts = ("model", "precision", "weights", "isa", "kv", "memory", "weights_cache")
    given = {name: name.upper() for name in (*texts, "prefix_cache")}
    numbers = {"threads": 1, "context": 2, "max_batch": 3}
    arguments = [
        part
        for name, value in {**given, **numbers}.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    assert found(*arguments, "--lock") == ModelOptions(**given, **numbers, lock=True)


def test_every_field_but_the_engine_s_is_an_option_of_serve() -> None:
    names = {field.name for field in fields(ModelOptions)} - {"engine"}
    assert names <= set(inspect.signature(serve).parameters)


@pytest.mark.parametrize(
    ("old", "name"), [("--cache", "weights_cache"), ("--cache-dir", "prefix_cache")]
)
def test_old_names_work_with_a_note(
    old: str, name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    new = f"--{name.replace('_', '-')}"
    app = typer.Typer()
    taken: list[ModelOptions] = []

    @app.command()
    @takes_model()
    def command(*, options: ModelOptions) -> None:
        taken.append(options)

    app([old, str(tmp_path)], standalone_mode=False)
    assert getattr(taken[0], name) == str(tmp_path)
    assert capsys.readouterr().err == f"gptoss: {old} is called {new} now\n"
    app([old, "elsewhere", new, "here"], standalone_mode=False)
    assert getattr(taken[1], name) == "here"
    assert old not in inspect.cleandoc(CliRunner().invoke(app, ["--help"]).output).split()


@pytest.mark.parametrize("command", [bench, chat, complete, fit, serve])
def test_defaults_are_the_fields_own(command: object) -> None:
    defaults = {field.name: field.default for field in fields(ModelOptions)}
    assert callable(command)
    for name, parameter in inspect.signature(command).parameters.items():
        if name in defaults:
            assert parameter.default == defaults[name]


@pytest.mark.parametrize(
    ("arguments", "context", "max_batch"),
    [
        (["chat", "Hello"], None, 1),
        (["complete", "Hello", "--context", "64"], 64, 1),
        (["bench", "--batch", "2"], None, 2),
    ],
)
def test_no_room_is_reserved_that_a_command_cannot_use(
    arguments: list[str], context: int | None, max_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[ModelOptions] = []

    def open_model(options: ModelOptions) -> None:
        taken.append(options)
        raise typer.Exit(7)

    monkeypatch.setattr("gptoss.cli.loading.open_model", open_model)
    assert CliRunner().invoke(app, arguments).exit_code == 7
    assert (taken[0].context, taken[0].max_batch) == (context, max_batch)
