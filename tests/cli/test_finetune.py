"""`gptoss finetune` as a person meets it: looked at, run, ended, gone on with, and refused in a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_cli import ENVIRONMENT, output, refused, run

pytestmark = pytest.mark.torch

NAMES = ("Anna", "Ben", "Clara", "David", "Eva", "Frank", "Greta", "Hans")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"I am {name}. Who made you?"},
                {"role": "assistant", "content": "I was made in Bern."},
            ],
            "reasoning_effort": "low",
        }
        for name in NAMES
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def _command(data: Path, out: Path, *more: str) -> tuple[str, ...]:
    return ("finetune", str(data), "--out", str(out), "--model", "nano", *more)


def test_a_dry_run_shows_what_would_be_learnt(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = output(*_command(data, out, "--dry-run"))
    assert "[final 1] <|channel|>final<|message|>I was made in Bern.<|return|>" in shown
    assert "[user 0] <|start|>user<|message|>I am Anna. Who made you?<|end|>" in shown
    assert not out.exists()
    facts = json.loads(output(*_command(data, out, "--dry-run", "--json")))
    assert (facts["rows"], facts["samples"], facts["passes"]) == (8, 8, 1)
    assert facts["tokens_learnt"] < facts["tokens"]
    assert facts["memory_bytes"] > 600 << 20


def test_it_learns_and_says_what_it_made(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--epochs", "8", "--learning-rate", "0.005", "--held-out", "0.25", "--json")
    first = run(*_command(data, out, *options))
    assert "step 8 of 8: loss" in first.stderr
    made = json.loads(first.stdout)
    assert (made["steps"], made["adapter"]) == (8, str(out))
    assert 0 < made["held_out_loss"] < 7
    assert {path.name for path in out.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "checkpoint.safetensors",
        "metrics.csv",
    }
    again = run(*_command(data, out, *options))
    assert again.returncode == 0
    assert "holds this run, and it is done" in again.stderr
    assert json.loads(again.stdout) == made


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_is_ended_and_gone_on_with(
    data: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    out = tmp_path / "out"
    command = _command(data, out, "--epochs", "5000")
    process = subprocess.Popen(
        [sys.executable, "-m", "gptoss", *command],
        env={**os.environ, **ENVIRONMENT},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    # The folder is made before the first step; a handler is there before it.
    while not out.exists():
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert "stopped after" in said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    steps = int(said.split("stopped after ")[1].split(" ")[0].replace(",", ""))
    rows = (out / "metrics.csv").read_text().splitlines()
    assert len(rows) == steps + 1
    other = refused(*_command(data, out, "--epochs", "1"))
    assert "holds a run with another options" in other


def test_what_cannot_be_learnt(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "as --layers, wanted all, none" in refused(*_command(data, out, "--layers", "some"))
    assert "fine-tuning would take" in refused(*_command(data, out, "--memory", "100M"))
    assert "got 'user=1' as what to train on" in refused(
        *_command(data, out, "--train-on", "user=1")
    )
    data.write_text(data.read_text() + "{\n")
    assert "line 9 of" in refused(*_command(data, out))
    assert "No such file" in refused(*_command(tmp_path / "nowhere.jsonl", out))
    assert not out.exists()


def test_without_torch_it_says_how_to_get_it(data: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from gptoss.cli.main import run; "
        f"sys.argv = ['gptoss', *{_command(data, tmp_path / 'out')!r}]; run()"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert 'pip install "gptoss[train]"' in said.stderr
    assert "Traceback" not in said.stderr
