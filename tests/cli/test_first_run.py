"""What a person sees at a first start: an offer to pull, weights being laid out once, and a line of what was loaded."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gptoss import nano
from gptoss.cli import loading, main
from gptoss.cli.loading import announce, offer_pull, open_model
from gptoss.cli.main import app
from gptoss.errors import CheckpointError
from gptoss.hub.cache import find_snapshot
from gptoss.runtime import ModelOptions, packed_weights
from tests.cli import test_cli
from tests.cli.test_cli import Terminal, run
from tests.cli.test_models import put
from tests.hub.conftest import home as hub_home  # noqa: F401
from tests.hub.standin import StandIn

LINE = re.compile(
    r"Hugging Face, MXFP4 experts, weights int8; up to [\d.]+ MiB of memory; context 4,096 tokens; int8, "
    r"\w+, \d+ threads"
)


def said(*arguments: str) -> tuple[str, str]:
    """What a command in this process says in a pipe, on both streams."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout, done.stderr


class TestLine:
    """What was loaded, in one line on standard error."""

    def test_in_a_terminal(self, tmp_path: Path) -> None:
        terminal = Terminal(tmp_path, "chat", "What is 12 + 34?", "--temperature", "0")
        shown = terminal.wait_for("46")
        (line,) = [each for each in shown.splitlines() if each.startswith("nano")]
        assert LINE.fullmatch(line.removeprefix("nano  "))
        terminal.close()

    def test_in_a_conversation(self, tmp_path: Path) -> None:
        terminal = Terminal(tmp_path, "chat")
        assert LINE.search(terminal.wait_for("/help lists"))
        assert terminal.close() == 0

    def test_in_a_pipe_where_nobody_named_the_model(self, cache: Path) -> None:
        question = ("chat", "What is 12 + 34?", "--temperature", "0")
        assert said(*question) == ("46\n", "")
        put(cache, "openai/gpt-oss-20b")
        for command in (question, ("complete", "The", "--max-tokens", "2")):
            line = said(*command)[1]
            assert line.startswith("gptoss: gpt-oss-20b: ")
            assert LINE.fullmatch(line.removeprefix("gptoss: gpt-oss-20b: ").rstrip("\n"))
            # To who reads JSON, and to who has named it, nothing is said.
            assert said(*command, "--json")[1] == ""
            assert said(*command, "--model", "gpt-oss-20b")[1] == ""

    def test_it_says_what_the_options_chose(self, capsys: pytest.CaptureFixture[str]) -> None:
        options = ModelOptions(
            "nano", "bf16", threads=1, weights="stored", context=1000, max_batch=1
        )
        with open_model(options) as model:
            model.name = "other\x1b[31m"
            announce(model, ModelOptions())
        line = capsys.readouterr().err
        assert line.startswith("gptoss: other\\x1b[31m: ")
        assert "weights stored; up to 2" in line
        assert "context 1,000 tokens; bf16, " in line
        assert line.endswith(", 1 threads\n")


class TestLayingOut:
    """Weights are laid out once, and where they go is said."""

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packed_weights, "SMALL_BYTES", 0)

    def test_the_second_start_says_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        options = ModelOptions("nano", weights_cache=tmp_path)
        open_model(options).close()
        line = "gptoss: laying out the weights for this machine, once: 1.4 MB into"
        assert capsys.readouterr().err == f"{line} {tmp_path}\n"
        open_model(options).close()
        assert capsys.readouterr().err == ""

    def test_where_there_is_no_room_it_is_not_said_to_be_once(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        open_model(ModelOptions("nano", weights_cache=tmp_path / "file")).close()
        first, second = capsys.readouterr().err.splitlines()
        assert first == "gptoss: laying out the weights in memory, 1.4 MB"
        assert "laid out in memory at every start" in second

    def test_a_bar_with_bytes_and_time(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, time; os.environ['TERM'] = 'xterm'; from gptoss.runtime import packed_weights, loading;"
            "packed_weights.SMALL_BYTES = 0; before = loading.packed_arrays\n"
            "def slowly(*given):\n"
            "    def hear(*done):\n"
            "        given[-1](*done); time.sleep(0.02)\n"
            "    return before(*given[:-1], hear)\n"
            "loading.packed_arrays = slowly\n"
            "from gptoss.cli.main import run\n"
            f"sys.argv = ['gptoss', 'chat', 'Hi', '-m', 'nano', '--weights-cache', {str(tmp_path)!r}]\n"
            "run()\n"
        )
        terminal = Terminal(tmp_path, "-c", code, is_module=False)
        terminal.wait_for("once: 1")
        terminal.wait_for("laying out")
        shown = terminal.wait_for("nano  ")
        assert re.search(r"\d/\d\.\d MB \d:\d\d:\d\d", shown)
        terminal.close()


class TestOffer:
    """A model that is not here is fetched at once, if a person says so."""

    @pytest.fixture
    def hub(self, hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:  # noqa: F811
        return StandIn({path.name: path.read_bytes() for path in nano.checkpoint_path().iterdir()})

    def environment(self, hub: StandIn) -> dict[str, str]:
        return {**os.environ, "HF_ENDPOINT": hub.url, "COLUMNS": "200", "NO_COLOR": "1"}

    @pytest.mark.parametrize("by_variable", [False, True])
    def test_yes(
        self, hub: StandIn, tmp_path: Path, by_variable: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environment = self.environment(hub)
        named = ("--model", "gpt-oss-20b")
        if by_variable:
            environment["GPTOSS_MODEL"], named = "gpt-oss-20b", ()  # type: ignore[assignment]
        monkeypatch.setattr(test_cli, "ENVIRONMENT", environment)
        with hub:
            terminal = Terminal(tmp_path, "chat", "What is 12 + 34?", "--temperature", "0", *named)
            asked = terminal.wait_for("[y/N] ")
            assert "openai/gpt-oss-20b is not here: pull it now, 13.8 GB into" in asked
            # Nobody is asked before the person has said yes.
            assert hub.requests == []
            terminal.type("y\r")
            terminal.wait_for("main is commit")
            terminal.wait_for("gpt-oss-20b  Hugging Face")
            terminal.wait_for("46")
            terminal.close()
        assert find_snapshot("openai/gpt-oss-20b") is not None

    def test_no(self, hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(test_cli, "ENVIRONMENT", self.environment(hub))
        with hub:
            terminal = Terminal(tmp_path, "complete", "The", "--model", "someone/mine@v2")
            # Its size is known to the hub alone.
            assert "someone/mine is not here: pull it now into" in terminal.wait_for("[y/N] ")
            terminal.type("n\r")
            terminal.wait_for("`gptoss pull someone/mine --revision v2` fetches it")
            assert terminal.close() == 2
            assert hub.requests == []

    def test_in_a_pipe_the_error_names_the_command(self) -> None:
        done = run("chat", "Hi", "--model", "gpt-oss-20b", stdin="y\n")
        assert (done.returncode, done.stdout) == (2, "")
        assert "`gptoss pull gpt-oss-20b` fetches it" in done.stderr
        assert "[y/N]" not in done.stderr

    def test_the_server_asks_before_it_listens(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr(loading, "can_ask", lambda: True)
        monkeypatch.setattr(loading, "agrees", asked.append)
        monkeypatch.setattr(sys, "argv", ["gptoss", "serve", "-m", "gpt-oss-20b", "--port", "0"])
        with pytest.raises(SystemExit) as ended:
            main.run()
        assert ended.value.code == 2
        assert len(asked) == 1
        assert "there is no model 'gpt-oss-20b'" in capsys.readouterr().err

    @pytest.mark.parametrize("name", [None, "nano", "nowhere", "a/b/c", ""])
    def test_what_cannot_be_pulled_is_not_offered(
        self, name: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loading, "can_ask", lambda: True)
        monkeypatch.setattr(loading, "agrees", lambda question: pytest.fail(question))
        offer_pull(ModelOptions(name))
        if name in ("nowhere", ""):
            with pytest.raises(CheckpointError):
                open_model(ModelOptions(name))
