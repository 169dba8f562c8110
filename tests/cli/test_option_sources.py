"""Options from the environment and from files, and errors that say where a wrong value came from."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from typer.testing import CliRunner

from gptoss.cli import serve as serve_module
from gptoss.cli.main import app
from gptoss.cli.option_sources import forget_service_links, unknown_variables, variable
from gptoss.errors import GptossError, RequestError, ServerError
from gptoss.server import run as run_module
from gptoss.server.settings import Keys, ServerSettings

KEY = "sk-of-the-environment-alone"
VALUES = {
    "host": "127.0.0.2",
    "port": "1234",
    "allow_host": "a.example b.example",
    "allow_origin": "http://a.example",
    "served_name": "x y",
    "page": "0",
    "drain": "3.5",
    "max_connections": "99",
    "head_timeout": "1.5",
    "idle_timeout": "2.5",
    "write_timeout": "4.5",
    "context": "2048",
    "max_batch": "3",
    "memory": "8G",
    "threads": "1",
    "precision": "bf16",
    "weights": "stored",
    "kv": "int8",
    "lock": "1",
}


def _command(name: str) -> Any:
    return cast(Any, typer.main.get_command(app)).commands[name]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings and options that `serve` would run with."""
    found: dict[str, Any] = {}

    def run(settings: ServerSettings, open_model: Any, log_level: str) -> None:
        found["settings"] = settings
        found["options"] = inspect.getclosurevars(open_model).nonlocals["options"]

    monkeypatch.setattr(run_module, "run", run)
    return found


def _serve(*arguments: str, **environment: str) -> str:
    result = CliRunner().invoke(app, ["serve", *arguments], env=environment)
    if isinstance(result.exception, GptossError):
        return str(result.exception)
    return result.output


def test_every_option_of_serve_has_a_variable() -> None:
    without = {"help", "model", "isa", "weights_cache"}
    for each in _command("serve").params:
        if each.name not in without and not each.hidden:
            assert each.envvar == variable(each.name), each.name


def test_values_of_the_environment_are_taken(started: dict[str, Any]) -> None:
    told = _serve(**{variable(name): value for name, value in VALUES.items()})
    assert told == ""
    settings, options = started["settings"], started["options"]
    assert (settings.host, settings.port) == ("127.0.0.2", 1234)
    assert settings.hosts == ("a.example", "b.example")
    assert settings.origins == ("http://a.example",)
    assert settings.served_names == ("x", "y")
    assert not settings.has_page
    assert settings.drain_s == 3.5
    limits = settings.connections
    assert (limits.most, limits.head_s, limits.idle_s, limits.write_s) == (99, 1.5, 2.5, 4.5)
    assert (options.context, options.max_batch, options.threads) == (2048, 3, 1)
    assert (options.memory, options.precision, options.weights) == ("8G", "bf16", "stored")
    assert (options.kv, options.lock) == ("int8", True)


def test_the_command_line_counts_before_the_environment_and_that_before_a_file(
    started: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('context = 1\nmax-batch = 2\nmemory = "3G"\n')
    _serve(*("--config", str(file), "--context", "100"), GPTOSS_CONTEXT="200", GPTOSS_MAX_BATCH="5")
    options = started["options"]
    assert (options.context, options.max_batch, options.memory) == (100, 5, "3G")


def test_a_key_of_the_environment(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(GPTOSS_API_KEY=f" {KEY} ", GPTOSS_HOST="0.0.0.0")
    assert started["settings"].keys == Keys.of([KEY], "here")
    assert started["settings"].keys.accept(KEY)
    assert not started["settings"].keys.accept(f" {KEY} ")
    keys = tmp_path / "keys"
    keys.write_text("sk-of-the-file-alone\n")
    _serve("--api-key-file", str(keys), GPTOSS_API_KEY=KEY)
    both = started["settings"].keys
    assert both.accept(KEY)
    assert both.accept("sk-of-the-file-alone")
    assert not both.accept("")
    # What is started from here does not have it.
    monkeypatch.setenv("GPTOSS_API_KEY", KEY)
    serve_module._keys(None)
    assert "GPTOSS_API_KEY" not in serve_module.os.environ
    told = _serve(GPTOSS_API_KEY="short")
    assert told == "key 1 in $GPTOSS_API_KEY has 5 characters, wanted 16 or more"
    assert "0 characters" in _serve(GPTOSS_API_KEY="")


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_batch", "abc"), ("port", "99999"), ("lock", "perhaps"), ("drain", "soon")],
)
def test_a_wrong_value_says_where_it_is_from(name: str, value: str, tmp_path: Path) -> None:
    flag = name.replace("_", "-")
    by_variable = " ".join(_serve(**{variable(name): value}).split())
    assert f"it is from ${variable(name)}" in by_variable
    file = tmp_path / "o.toml"
    file.write_text(f"# first\n\n{flag} = '{value}'\n")
    by_file = "".join(_serve("--config", str(file)).split()).replace("│", "")
    assert f"itisfrom{file},line3" in by_file
    by_hand = _serve(f"--{flag}", value) if name != "lock" else ""
    assert "it is from" not in by_hand


def test_a_value_that_is_found_wrong_later_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise RequestError("got a memory budget of 'abc', wanted a size like 16G")

    monkeypatch.setattr(run_module, "run", run)
    told = _serve(GPTOSS_MEMORY="abc", GPTOSS_CONTEXT="77")
    assert told.endswith("wanted a size like 16G (--memory is from $GPTOSS_MEMORY)")


def test_unknown_variables_are_named() -> None:
    commands = [_command("serve"), _command("chat")]
    ours = {variable(name): "1" for name in VALUES}
    others = {
        "GPTOSS_MODEL": "nano",
        "GPTOSS_API_KEY": "x",
        "GPTOSS_TEST_BROWSER": "required",
        "GPTOSS_SERVICE_HOST": "10.0.0.1",
        "GPTOSS_SERVICE_PORT_HTTP": "80",
        "GPTOSS_PORT_80_TCP_ADDR": "10.0.0.1",
        "HOME": "/",
    }
    assert unknown_variables(commands, {**ours, **others}) == ""
    told = unknown_variables(commands, {**ours, "GPTOSS_CONTEX": "1", "GPTOSS_MAX-BATCH": "1"})
    assert told.startswith("got GPTOSS_CONTEX, GPTOSS_MAX-BATCH in the environment, which no ")


def test_what_kubernetes_says_of_a_service_is_no_port() -> None:
    environment = {"GPTOSS_PORT": "tcp://10.0.0.1:8000"}
    assert forget_service_links(environment)
    assert environment == {}
    environment = {"GPTOSS_PORT": "8000"}
    assert not forget_service_links(environment)
    assert environment == {"GPTOSS_PORT": "8000"}


def test_no_key_beyond_this_machine_says_both_ways() -> None:
    with pytest.raises(ServerError, match="give --api-key-file or GPTOSS_API_KEY"):
        ServerSettings(host="0.0.0.0")


def test_sizes_of_what_is_kept(started: dict[str, Any]) -> None:
    assert _serve("--max-file-size", "1M", GPTOSS_MAX_FILES_SIZE="2G") == ""
    settings = started["settings"]
    assert (settings.max_file_bytes, settings.files_bytes) == (1 << 20, 2 << 30)
    assert settings.store_bytes == ServerSettings().store_bytes
    assert _serve("--max-store-size", "much") == (
        "got --max-store-size 'much', wanted a size like 16G or 900M"
    )


def test_the_defaults_of_sizes_are_those_of_the_settings(started: dict[str, Any]) -> None:
    _serve()
    for name in ("max_file_bytes", "files_bytes", "store_bytes"):
        assert getattr(started["settings"], name) == getattr(ServerSettings(), name)


def test_tools_in_chat_completions_are_off_unless_said(started: dict[str, Any]) -> None:
    assert _serve("--tools", "python") == ""
    assert not started["settings"].has_chat_tools
    assert _serve(GPTOSS_TOOLS="python", GPTOSS_CHAT_TOOLS="1") == ""
    assert started["settings"].has_chat_tools
    assert _serve("--chat-tools") == (
        "got --chat-tools without tools, wanted --tools or --tools-module"
    )
