"""What a GGUF file holds is told by its first bytes, whatever the rest is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gptoss.files.gguf_begin import architecture_in
from tests.runtime.other_programs import LLAMA_CPP, foreign_file, gguf_file


def test_architectures(tmp_path: Path) -> None:
    assert architecture_in(gguf_file(tmp_path / "a.gguf", LLAMA_CPP)) == "gpt-oss"
    assert architecture_in(foreign_file(tmp_path / "b.gguf")) == "llama"


def test_the_beginning_is_enough(tmp_path: Path) -> None:
    whole = gguf_file(tmp_path / "a.gguf").read_bytes()
    (tmp_path / "b").write_bytes(whole[:100])
    assert architecture_in(tmp_path / "b") == "gpt-oss"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGU",
        b"safetensors",
        b"GGUF",
        b"GGUF" + b"\xff" * 1000,
        # A key that claims more than there is; a name that is no text.
        b"GGUF\3\0\0\0" + bytes(8) + b"\1" + bytes(7) + b"\xff" * 8,
        b"GGUF\3\0\0\0" + bytes(8) + b"\1" + bytes(7) + b"\x14" + bytes(7)
        + b"general.architecture" + b"\4\0\0\0\1\0\0\0",
    ],
)  # fmt: skip
def test_none_or_a_damaged_one(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.gguf").write_bytes(data)
    assert architecture_in(tmp_path / "a.gguf") is None


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gguf")
    with pytest.raises(OSError, match="wanted a regular file"):
        architecture_in(tmp_path / "a.gguf")
