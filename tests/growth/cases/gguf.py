"""GGUF files, which anybody can hand out."""

from __future__ import annotations

from gptoss.files.gguf import Header
from gptoss.files.gguf_values import Cursor, ListValue
from tests.files.gguf_bytes import U32, entry, gguf, tensor, texts, u32
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
    Case("a vocabulary of many texts", _texts, _read_texts, 20_000),
)
