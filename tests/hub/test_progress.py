"""How a pull is shown: a bar in a terminal, lines elsewhere; and what Ctrl-C leaves."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptoss.cli import pull_progress
from gptoss.cli.pull_progress import PullProgress
from tests.hub.standin import StandIn


def test_lines_where_nobody_can_be_shown_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_progress, "_BETWEEN_S", 0.0)
    with PullProgress("fetching", 10**9) as progress:
        for _ in range(100):
            progress.moved(10**7)
        progress.moved(-(10**9))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "gptoss: fetching 100.0 MB of 1.0 GB"
    assert said[-2:] == ["gptoss: fetching 1.0 GB of 1.0 GB", "gptoss: fetching 0 bytes of 1.0 GB"]
    assert len(said) == 11


def test_no_more_lines_than_one_in_some_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with PullProgress("fetching", 10**9) as progress:
        for _ in range(100):
            progress.moved(10**7)
    assert capsys.readouterr().err == ""


# What runs in the background of a script ignores Ctrl-C, and so would its children.
_PULL = """
import signal, sys
from gptoss.cli.main import run
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["gptoss", "pull"]
run()
"""


def test_a_bar_in_a_terminal_and_what_ctrl_c_leaves(hub: StandIn, home: Path) -> None:
    # The rest of the first large file never comes.
    hub.cuts = [20_000] * 1000
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "COLUMNS": "100", "TERM": "xterm"}
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", _PULL],
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        deadline = time.monotonic() + 60
        while b"fetching" not in shown and time.monotonic() < deadline:
            shown += os.read(ours, 65536)
        running.send_signal(signal.SIGINT)
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        assert running.communicate(timeout=30)[0] == b""
    finally:
        running.kill()
        running.wait()
        os.close(ours)
    assert running.returncode == 130
    text = shown.decode()
    assert "fetching" in text
    assert "gptoss: stopped; what came stays, the same command goes on with it" in text
    assert "Traceback" not in text
