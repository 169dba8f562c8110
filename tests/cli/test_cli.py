"""The commands as a person runs them: in a process of their own, with what they print and how they exit."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gptoss
from gptoss.cli import main

ENVIRONMENT = {**os.environ, "GPTOSS_MODEL": "", "NO_COLOR": "1", "COLUMNS": "100"}


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gptoss", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
        check=False,
    )


def output(*arguments: str, stdin: str = "") -> str:
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_version_and_help() -> None:
    assert output("--version") == f"gptoss {gptoss.__version__}\n"
    shown = output("--help")
    for command in ("chat", "complete", "info", "bench", "synth"):
        assert command in shown


def test_chat_prints_plain_text_in_a_pipe() -> None:
    shown = output("chat", "Hello", "--temperature", "0", "--reasoning", "medium")
    assert shown.strip()
    assert "\x1b" not in shown
    assert "thinking" not in shown


def test_chat_reads_its_question_from_a_pipe() -> None:
    greedy = ("--temperature", "0")
    assert output("chat", *greedy, stdin="Hello\n") == output("chat", "Hello", *greedy)


def test_piped_bytes_that_are_no_text() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gptoss", "chat"],
        input=b"\xff\xfe",
        capture_output=True,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"gptoss: standard input is not UTF-8")


def test_chat_shows_reasoning_on_request() -> None:
    shown = output("chat", "12 + 34", "--temperature", "0", "--show-reasoning")
    assert shown.startswith("thinking:\n")


def test_chat_json_is_one_object() -> None:
    first, second = (
        json.loads(output("chat", "12 + 34", "--json", "--seed", "3")) for _ in range(2)
    )
    assert first["content"] == second["content"]
    assert first["seed"] == 3
    assert first["usage"]["completion_tokens"] > 0


def test_chat_limits_and_says_so_beside_the_answer() -> None:
    done = run("chat", "12 + 34", "--max-tokens", "5")
    assert done.returncode == 0
    assert "(cut off: no more tokens" in done.stderr
    assert "cut off" not in done.stdout


def test_complete_text_and_tokens() -> None:
    assert output("complete", "The", "--max-tokens", "4").endswith("\n")
    done = json.loads(output("complete", "--tokens", "1,2,3", "--max-tokens", "4", "--json"))
    assert len(done["tokens"]) == 4


def test_info() -> None:
    facts = json.loads(output("info", "--json"))
    assert facts["model"] == "nano"
    assert facts["experts"] == 8
    text = output("info")
    assert "Hugging Face, MXFP4 experts" in text
    # The words that GPTOSS_BF16_PAIRS takes.
    assert f"bf16 pairs              {'on' if facts['bf16_pairs'] else 'off'}\n" in text


def test_bench_json_has_the_promised_names() -> None:
    result = json.loads(
        output("bench", "--json", "--prefill", "8", "--decode", "4", "--depth", "5")
    )
    assert {
        "model",
        "precision",
        "isa",
        "bf16_pairs",
        "threads",
        "prefill_tokens_per_s",
        "decode_tokens_per_s",
        "load_s",
        "peak_rss_bytes",
    } <= set(result)
    assert result["decode_tokens_per_s"] > 0


@pytest.mark.slow
@pytest.mark.thorough
def test_synth_writes_a_model_that_runs(tmp_path: Path) -> None:
    directory = str(tmp_path / "model")
    assert "wrote 2,793,403,072 bytes" in output("synth", directory, "--layers", "1")
    done = run("chat", "Hi", "--model", directory, "--max-tokens", "2")
    assert done.returncode == 0
    assert "cut off" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chat", "Hi", "--model", "nowhere"), "there is no model 'nowhere'"),
        (("chat", "Hi", "--reasoning", "max"), "reasoning level 'max', wanted one of low"),
        (("chat", "Hi", "--temperature", "-1"), "got temperature -1.0, wanted 0 to 100"),
        (("chat", "Hi", "--temperature", "nan"), "got temperature nan"),
        (("chat", "Hi", "--top-p", "0"), "got top_p 0.0"),
        (("chat", "Hi", "--max-tokens", "0"), "got max_tokens 0, wanted 1 or more"),
        (("chat", "Hi", "--seed", "-4"), "got seed -4"),
        (("chat", "Hi", "--precision", "fp8"), "precision 'fp8'"),
        (("chat", "Hi", "--threads", "0"), "got 0 threads"),
        (("chat", "Hi", "--isa", "mmx"), "instruction set 'mmx' cannot run here"),
        (("chat", "word " * 3000), "maximum context length is 4096"),
        (("chat", ""), "got an empty message"),
        (("chat", "Hi", "--model", ""), "got an empty name for the model"),
        (("chat", "Hi", "--model", "x" * 300), "cannot look for the model"),
        (("chat", "Hi", "--context", "100000000000000"), "wanted 1 to 4096"),
        (("complete", "Hi", "--tokens", "1"), "both PROMPT and --tokens"),
        (("complete", "--tokens", "99999999999999999999"), "wanted one of the model's vocabulary"),
        (("bench", "--prefill", "100000000000000"), "do not fit"),
        (("complete", "--tokens", "1,x"), "wanted whole numbers with commas"),
        (("complete", "--tokens", "1,99999"), "token id 99999 at position 1"),
        (("complete", ""), "no token ids"),
        (("info", "--model", "/dev/null"), "there is no folder /dev/null"),
        (("bench", "--prefill", "9999"), "do not fit: the context holds 4096"),
        (("synth", "/proc/no"), "cannot write /proc/no"),
        (("chat", "Hi", "--nonsense"), "No such option"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In this process, where a start takes no time: test_fit.py and others are refused in processes of their own."""
    for name in ("GPTOSS_MODEL", "NO_COLOR", "COLUMNS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    monkeypatch.setattr(sys, "argv", ["gptoss", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.run()
    shown, message = capfd.readouterr()
    assert (ended.value.code, shown) == (2, "")
    assert said in message
    if "--nonsense" not in arguments:
        assert message.startswith("gptoss: ")
        assert message.count("\n") == 1


def test_output_into_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m gptoss chat Hello | true"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.stderr == ""


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, state: Path, *arguments: str, is_module: bool = True) -> None:
        self.state = state
        module = ("-m", "gptoss") if is_module else ()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(ENVIRONMENT | {"TERM": "dumb", "XDG_STATE_HOME": str(state)})
            os.execv(sys.executable, [sys.executable, *module, *arguments])
        self.shown = ""

    def wait_for(self, text: str, timeout: float = 20) -> str:
        """What is shown up to and with a text, from the last one waited for."""
        end = time.monotonic() + timeout
        while text not in self.shown and time.monotonic() < end:
            if select.select([self.master], [], [], 0.5)[0]:
                self.shown += os.read(self.master, 4096).decode("utf-8", "replace")
        assert text in self.shown, self.shown
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> int:
        """Type Ctrl-D until the program has ended: one typed before it reads keys is lost."""
        end, ended = time.monotonic() + 20, 0
        while not ended:
            assert time.monotonic() < end, self.shown
            with contextlib.suppress(OSError):
                self.type("\x04")
            time.sleep(0.2)
            ended, status = os.waitpid(self.pid, os.WNOHANG)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)


def test_a_conversation(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "chat", "--temperature", "0")
    terminal.wait_for("nano")
    terminal.wait_for("> ")
    terminal.type("Hello\r")
    terminal.wait_for("tokens/s")
    terminal.wait_for("> ")
    terminal.type("/reasoning high\r")
    terminal.wait_for("reasoning high")
    terminal.type("/reasoning absurd\r")
    terminal.wait_for("wanted one of low, medium, high")
    terminal.type("/nonsense\r")
    terminal.wait_for("no command /nonsense")
    terminal.type("/new\r")
    terminal.wait_for("a new conversation")
    assert terminal.close() == 0
    history = tmp_path / "gptoss" / "history"
    assert "+Hello" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_alt_enter_begins_a_new_line(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "chat", "--temperature", "0")
    terminal.wait_for("> ")
    time.sleep(0.5)
    terminal.type("Hel")
    terminal.type("\x1b\r")
    terminal.type("lo\r")
    terminal.wait_for("tokens/s")
    assert terminal.close() == 0


def test_interrupt_stops_the_answer_and_not_the_program(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "chat", "--reasoning", "high", "--temperature", "0")
    terminal.wait_for("> ")
    terminal.type("What is 48213 + 9077?\r")
    terminal.wait_for("thinking:")
    os.kill(terminal.pid, signal.SIGINT)
    terminal.wait_for("(stopped)")
    terminal.wait_for("> ")
    assert terminal.close() == 0
