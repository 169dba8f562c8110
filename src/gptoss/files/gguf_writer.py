"""Writes GGUF files piece by piece, whole or not at all: version 3 of the format, as `gptoss.files.gguf` reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from gptoss.files.gguf import DEFAULT_ALIGNMENT, MAGIC
from gptoss.files.gguf_types import NUMBERS_OF_TYPES, BlockType
from gptoss.files.gguf_values import BOOL, FLOAT32, INT32, LENGTH, LIST, NUMBERS, TEXT, UINT32
from gptoss.files.whole import whole_file

_VERSION = 3

# Whole numbers become those of 32 bits without sign; in lists, which other programs read so, with one.
MetadataValue = bool | int | float | str | Sequence[str] | Sequence[int]


@dataclass(frozen=True)
class TensorToWrite:
    """A tensor of the file: its shape with the outermost dimension first, rows being whole numbers of blocks."""

    name: str
    kind: BlockType
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """The bytes its values take."""
        return math.prod(self.shape) // self.kind.num_values * self.kind.num_bytes


def header_of(metadata: Mapping[str, MetadataValue], tensors: Sequence[TensorToWrite]) -> bytes:
    """All that stands before the values, as far as the first of them."""
    parts = [
        MAGIC,
        _number(UINT32, _VERSION),
        LENGTH.pack(len(tensors)),
        LENGTH.pack(len(metadata)),
    ]
    for key, value in metadata.items():
        parts += (_text(key), _value(value))
    begin = 0
    for tensor in tensors:
        # The innermost dimension comes first.
        sizes = b"".join(LENGTH.pack(size) for size in reversed(tensor.shape))
        kind = _number(UINT32, NUMBERS_OF_TYPES[tensor.kind])
        parts += (_text(tensor.name), _number(UINT32, len(tensor.shape)), sizes, kind)
        parts.append(LENGTH.pack(begin))
        begin += _padded(tensor.num_bytes)
    header = b"".join(parts)
    return header.ljust(_padded(len(header)), b"\0")


def write_gguf(
    path: Path,
    header: bytes,
    tensors: Sequence[TensorToWrite],
    values: Callable[[TensorToWrite], Iterable[NDArray[Any]]],
) -> None:
    """Write the header that `header_of` made of the tensors, and then their values in pieces.

    `values` returns C-contiguous arrays that together have as many bytes as the tensor. The file appears under its name
    only when it is whole, and takes no other's place. Raises OSError when it cannot be written, FileExistsError where
    something is.
    """
    with whole_file(path, replaces=False) as file:
        file.write(header)
        for tensor in tensors:
            written = sum(_write(file, piece) for piece in values(tensor))
            if written != tensor.num_bytes:
                raise ValueError(f"{tensor.name}: {written} of {tensor.num_bytes} bytes given")
            file.write(bytes(_padded(written) - written))


def _write(file: BinaryIO, piece: NDArray[Any]) -> int:
    return file.write(piece.data.cast("B")) if piece.size else 0


def _value(value: MetadataValue) -> bytes:
    """A value with its kind before it."""
    match value:
        case bool():
            return _number(UINT32, BOOL) + bytes([value])
        case int():
            return _number(UINT32, UINT32) + _number(UINT32, value)
        case float():
            return _number(UINT32, FLOAT32) + _number(FLOAT32, value)
        case str():
            return _number(UINT32, TEXT) + _text(value)
    is_text = all(isinstance(each, str) for each in value)
    items = [_text(each) if isinstance(each, str) else _number(INT32, each) for each in value]
    begin = _number(UINT32, LIST) + _number(UINT32, TEXT if is_text else INT32)
    return b"".join([begin, LENGTH.pack(len(value)), *items])


def _number(kind: int, value: float) -> bytes:
    return NUMBERS[kind].pack(value)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-8")
    return LENGTH.pack(len(encoded)) + encoded


def _padded(num_bytes: int) -> int:
    return -(-num_bytes // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT
