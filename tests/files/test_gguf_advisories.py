"""Published attacks on other readers of GGUF files, by construction: each ends here in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from gptoss.errors import CheckpointError
from gptoss.files.gguf import GgufFile
from tests.files.gguf_bytes import (
    BOOL,
    F32,
    LIST,
    TEXT,
    U32,
    entry,
    gguf,
    tensor,
    text,
    u32,
    u64,
)

F64 = 12
MOST_32, MOST_64 = 2**32 - 1, 2**64 - 1


def listed(kind: int, count: int, values: bytes = b"") -> bytes:
    return entry("k", LIST, u32(kind) + u64(count) + values)


def one_tensor(sizes: list[int], kind: int = 0, offset: int = 0) -> bytes:
    return gguf((), [tensor("a", sizes, kind, offset)], bytes(64))


def with_dimensions(count: int) -> bytes:
    """A directory whose tensor claims so many sizes."""
    return gguf((), [text("a") + u32(count) + u64(1) * 4 + u32(0) + u64(0)], bytes(64))


# What each did to its reader is in brackets. Sources: the advisories of llama.cpp, gguf-py and Ollama.
ATTACKS = {
    "a type beyond the table [read outside it]": (
        one_tensor([1], MOST_32),
        f"unknown type {MOST_32}",
    ),
    "CVE-2024-21825: a list's kind beyond the table": (
        gguf([listed(MOST_32, 1)]),
        f"list of the unknown kind {MOST_32}",
    ),
    "CVE-2024-21825: a list whose bytes wrap to eight [written beyond them]": (
        gguf([listed(F64, 2**61 + 1, bytes(8))]),
        f"claims {2**61 + 1} values",
    ),
    "CVE-2024-21836: tensors whose table wraps to little": (
        gguf(num_tensors=2**64 // 88 + 2),
        "tensors, at most",
    ),
    "CVE-2024-23605: entries whose table wraps to little": (
        gguf(num_entries=2**64 // 48 + 2),
        "metadata entries, at most",
    ),
    "CVE-2024-23496: a text whose length and its end wrap to nothing": (
        gguf([text("k", MOST_64)], num_entries=1),
        f"claims {MOST_64} bytes",
    ),
    "CVE-2025-66960: a text longer than its file [a panic]": (
        gguf([entry("k", TEXT, u64(2**63))]),
        f"claims {2**63} bytes",
    ),
    "CVE-2025-49847: a token longer than 2^31 [copied by a signed length]": (
        gguf([listed(TEXT, 1, u64(2**31 + 1) + bytes(64))]),
        "ends inside metadata 'k'",
    ),
    "CVE-2025-53630, CVE-2026-27940: sizes whose sum wraps [written beyond a small buffer]": (
        gguf(
            (),
            [tensor("a", [2**62 - 8], 0, 0), tensor("b", [40], 0, MOST_64 - 31)],
            bytes(160),
        ),
        "truncated",
    ),
    "CVE-2026-33298: sizes whose product wraps to nothing": (
        one_tensor([2**32, 2**32]),
        "truncated",
    ),
    "llama.cpp 24759: bytes that wrap when they are rounded up to the alignment": (
        one_tensor([2**62 - 1]),
        "truncated",
    ),
    "llama.cpp 27200: values times the bytes of a block wrap, and are two": (
        one_tensor([5_124_095_576_030_431_008], 2),
        "truncated",
    ),
    "CVE-2026-7482: more values than the file has [other requests' memory read]": (
        one_tensor([1 << 20]),
        "truncated",
    ),
    "CVE-2024-21802: any number of dimensions [an array of four overrun]": (
        with_dimensions(MOST_32),
        f"has {MOST_32} dimensions",
    ),
    "CVE-2024-21802: five dimensions": (with_dimensions(5), "has 5 dimensions"),
    "2026: an alignment of nothing [divided by zero]": (
        gguf([entry("general.alignment", U32, u32(0))]),
        "wanted a power of two",
    ),
    "2026: an alignment with which padding wraps": (
        gguf([entry("general.alignment", U32, u32(2**31))]),
        "wanted a power of two",
    ),
    "2026: an alignment of another kind": (
        gguf([entry("general.alignment", F32, struct.pack("<f", 32.0))]),
        "wanted a power of two",
    ),
    "2026: a place that wraps when it is added to the beginning": (
        one_tensor([1], 0, MOST_64 - 31),
        "gap",
    ),
    "2026: more truth values than memory has": (
        gguf([listed(BOOL, 2**63)]),
        f"claims {2**63} values",
    ),
    "2026: lists in lists in lists [a recursion]": (
        gguf([entry("k", LIST, (u32(LIST) + u64(1)) * 100_000)]),
        "list of lists",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_is_refused(name: str, tmp_path: Path) -> None:
    content, said = ATTACKS[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        GgufFile(path)
    message = str(caught.value)
    assert said in message
    assert message.isprintable()
    assert len(message) < 600
