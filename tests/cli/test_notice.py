"""Every error is one line of printable text, whatever somebody called a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss import nano
from gptoss.cli.notice import notice


def test_a_line_without_anything_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    notice("a\nb\x1b[31mc\r\u202e\ud800 \u00e9 \u6f22")
    said = capsys.readouterr().err
    assert said == "gptoss: a\\nb\\x1b[31mc\\r\\u202e\\ud800 \u00e9 \u6f22\n"


def plant_fifo(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


def plant_names(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "a\n\x1b[31m.safetensors")
    (folder / "b\n.safetensors").symlink_to("/dev/zero")


def plant_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to("/dev/zero")


def plant_header(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes((2**63).to_bytes(8, "little") + bytes(100))


@pytest.mark.parametrize(
    ("plant", "command"),
    [
        (plant_fifo, "info"),
        (plant_names, "fit"),
        (plant_tokenizer, "complete"),
        (plant_header, "chat"),
    ],
)
def test_a_hostile_folder(tmp_path: Path, plant: object, command: str) -> None:
    for path in nano.checkpoint_path().iterdir():
        (tmp_path / path.name).symlink_to(path)
    plant(tmp_path)  # type: ignore[operator]
    text = ["hi"] if command in ("complete", "chat") else []
    done = subprocess.run(
        [sys.executable, "-m", "gptoss", command, *text, "--model", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gptoss: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr[:-1].isprintable()
    assert len(done.stderr) < 600
