"""Every error is one line of printable text, whatever somebody called a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss import nano
from gptoss.cli.notice import notice
from tests.cli.test_cli import ENVIRONMENT
from tests.runtime.other_programs import gguf_file


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


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_names_in_a_list(tmp_path: Path, encoding: str) -> None:
    """A line each, whatever somebody called a file: none can look like another's, or end the list."""
    folder = tmp_path / ".lmstudio" / "models"
    names = ["a\nnano  1.00 GB.gguf", "b\x1b[31m.gguf", os.fsdecode(b"c\xff.gguf"), "d\u00e9.gguf"]
    made = gguf_file(folder / "made.gguf").read_bytes()
    (folder / "made.gguf").unlink()
    for number, name in enumerate(names):
        (folder / name).write_bytes(made + bytes(64 * number))
    kept = tmp_path / f"{names[0]}-int8-{'0' * 16}.safetensors"
    kept.write_bytes(b"x")
    environment = {**ENVIRONMENT, "HOME": str(tmp_path), "PYTHONIOENCODING": encoding}
    environment |= {"HF_HUB_CACHE": str(tmp_path), "OLLAMA_MODELS": str(tmp_path)}

    def lines(*arguments: str) -> list[str]:
        command = [sys.executable, "-m", "gptoss", *arguments]
        done = subprocess.run(command, capture_output=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode(encoding.partition(":")[0])
        assert text.replace("\n", "").isprintable()
        return text.splitlines()

    assert len(lines("models")) == 1 + len(names)
    assert len(lines("info", "--model", str(folder / names[0]))) == len(
        lines("info", "--model", "nano")
    )
    listed, total = lines("cache", "list", "--weights-cache", str(tmp_path))
    assert "a\\nnano" in listed
    assert total.endswith("in all")
    assert len(lines("cache", "clear", "--weights-cache", str(tmp_path))) == 2
    assert not kept.exists()
