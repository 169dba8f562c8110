"""Bytes of GGUF files as nobody's library would write them: whatever a test wants, in the format's order."""

from __future__ import annotations

import struct
from collections.abc import Iterable

U32, I32, F32, BOOL, TEXT, LIST, U64 = 4, 5, 6, 7, 8, 9, 10


def text(value: str | bytes, length: int | None = None) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data) if length is None else length) + data


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + u32(kind) + value


def texts(key: str, values: Iterable[str]) -> bytes:
    listed = [text(value) for value in values]
    return entry(key, LIST, u32(TEXT) + u64(len(listed)) + b"".join(listed))


def tensor(name: str, dimensions: Iterable[int], kind: int, offset: int) -> bytes:
    sizes = list(dimensions)
    places = b"".join(map(u64, sizes))
    return text(name) + u32(len(sizes)) + places + u32(kind) + u64(offset)


def gguf(
    entries: Iterable[bytes] = (),
    tensors: Iterable[bytes] = (),
    values: bytes = b"",
    *,
    magic: bytes = b"GGUF",
    version: bytes = u32(3),
    num_tensors: int | None = None,
    num_entries: int | None = None,
    alignment: int = 32,
) -> bytes:
    """A whole file; the counts say otherwise only where they are given."""
    listed, directory = list(entries), list(tensors)
    counts = u64(len(directory) if num_tensors is None else num_tensors)
    counts += u64(len(listed) if num_entries is None else num_entries)
    header = magic + version + counts + b"".join(listed) + b"".join(directory)
    return header + bytes(-len(header) % alignment) + values
