"""Memory that can be had, and sizes as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss.errors import RequestError
from gptoss.runtime import machine_memory
from gptoss.runtime.machine_memory import available_memory, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16G", 16 << 30),
        ("16GiB", 16 << 30),
        ("12.5g", 25 << 29),
        (" 900 MB ", 900 << 20),
        ("2048", 2048),
        ("1t", 1 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1,5G", "16X", "1e9", "16 G B"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(RequestError, match="wanted a size like 16G"):
        parse_bytes(text)


def test_a_limit_of_the_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_memory, "memory_left", lambda: 12_345)
    assert available_memory() == 12_345
    monkeypatch.setattr(machine_memory, "memory_left", lambda: None)
    assert available_memory() != 12_345


def test_this_machine_has_memory() -> None:
    if Path("/proc/meminfo").exists():
        available = available_memory()
        assert available is not None
        assert available > 1 << 20
