"""GGUF files, which anybody can hand out."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from gptoss.files.gguf import GgufFile, Header
from gptoss.files.gguf_values import Cursor, ListValue
from gptoss.tokenizer.gguf_vocabulary import read_vocabulary
from gptoss.tokenizer.vocabulary import byte_of_character
from tests.files.gguf_bytes import I32, LIST, TEXT, U32, entry, gguf, tensor, text, texts, u32, u64
from tests.growth.case import Case


def _tensors(size: int) -> bytes:
    """The last one first."""
    directory = [tensor(f"tensor.{n}", [8], 0, 32 * n) for n in reversed(range(size))]
    return gguf((), directory, bytes(32 * size))


def _tensors_at_one_place(size: int) -> bytes:
    return gguf((), [tensor(f"{'x' * 100}{n}", [8], 0, 0) for n in range(size)], bytes(32))


def _entries(size: int) -> bytes:
    return gguf(entry(f"key.{n}", U32, u32(n)) for n in range(size))


def _texts(size: int) -> bytes:
    return gguf([texts("tokenizer.ggml.tokens", (f"{n:x}" for n in range(size)))])


def _read_texts(data: bytes) -> None:
    header = Header.parse(data)
    found = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(found, ListValue)
    assert len(Cursor(data, 0, header.num_bytes).texts(found, "tokens")) == found.count


def _vocabulary(size: int) -> GgufFile:
    """Ordinary tokens and special ones, so many of each."""
    letters = list(byte_of_character())
    words = [f"{letters[n % 256]}{letters[n // 256]}{letters[0]}" for n in range(size)]
    tokens = [*letters, *words, *(f"<|{n}|>" for n in range(size))]
    kinds = [1] * (256 + size) + [3] * size
    entries = [
        entry("tokenizer.ggml.model", TEXT, text("gpt2")),
        entry("tokenizer.ggml.pre", TEXT, text("gpt-4o")),
        texts("tokenizer.ggml.tokens", tokens),
        entry(
            "tokenizer.ggml.token_type",
            LIST,
            u32(I32) + u64(len(kinds)) + b"".join(map(u32, kinds)),
        ),
    ]
    path = Path(tempfile.mkdtemp(dir=_folder().name)) / "model.gguf"
    path.write_bytes(gguf(entries))
    return GgufFile(path)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed with the process."""
    return tempfile.TemporaryDirectory()


CASES = (
    Case("a directory of many tensors", _tensors, Header.parse, 500),
    Case(
        "a directory of tensors at one place",
        _tensors_at_one_place,
        Header.parse,
        500,
        raises=ValueError,
    ),
    Case("many metadata entries", _entries, Header.parse, 2000),
    Case("a list of many texts", _texts, _read_texts, 20_000),
    Case("a vocabulary of many tokens", _vocabulary, read_vocabulary, 3000),
)
