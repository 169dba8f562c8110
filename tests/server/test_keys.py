"""How an API key is compared. Proof 36; how long it takes is measured by `benchmarks.key_timing`."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pytest

from gptoss.errors import ServerError
from gptoss.server.settings import Keys
from tests.server.conftest import keys_of

KNOWN = tuple(f"sk-number-{number:02}-of-the-tests" for number in range(50))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, object]]:
    """Whatever is compared from now on."""
    found: list[tuple[object, object]] = []
    compare = hmac.compare_digest

    def spy(a: bytes, b: bytes) -> bool:
        found.append((a, b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    return found


@pytest.mark.parametrize(
    ("key", "is_right"),
    [
        (KNOWN[0], True),
        (KNOWN[25], True),
        (KNOWN[-1], True),
        ("x" + KNOWN[0][1:], False),
        (KNOWN[0][:-1] + "x", False),
        (KNOWN[-1] + "x", False),
        (KNOWN[0][:-1], False),
        (KNOWN[0].upper(), False),
        (" " + KNOWN[0], False),
        (KNOWN[0] + "\n" + KNOWN[1], False),
        ("x" * 100_000, False),
        ("schlüssel-\udcff", False),
        (hashlib.sha256(KNOWN[0].encode()).hexdigest(), False),
        ("", False),
        (None, False),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_all_are_compared_whatever_is_right(
    compared: list[tuple[object, object]], key: str | None, is_right: bool
) -> None:
    keys = keys_of(*KNOWN)
    assert keys.accept(key) is is_right
    digests = [hashlib.sha256(known.encode()).digest() for known in KNOWN]
    mine = hashlib.sha256((key or "").encode("utf-8", "surrogateescape")).digest()
    assert compared == [(mine, digest) for digest in digests]


def test_only_digests_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("\n".join(KNOWN))
    keys = Keys.from_file(path)
    assert {len(digest) for digest in keys.digests} == {32}
    assert not any(known in repr(keys) for known in KNOWN)


def test_without_keys_nothing_is_compared(compared: list[tuple[object, object]]) -> None:
    assert Keys().accept("anything")
    assert Keys().accept(None)
    assert compared == []


def test_a_file_that_cannot_be_read_as_one_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody waits for a FIFO, or reads a device to its end."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), tmp_path):
        with pytest.raises(ServerError, match="wanted a regular file"):
            Keys.from_file(path)


def test_a_mark_at_a_files_beginning_is_no_part_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\xef\xbb\xbf" + b"k" * 20 + b"\r\n")
    assert Keys.from_file(path).accept("k" * 20)
