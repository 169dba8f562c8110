"""Bytes that this machine, or a container's limit, can still give; and sizes as people write them."""

from __future__ import annotations

import re
from pathlib import Path

from gptoss.errors import RequestError

GIB = 1 << 30
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_bytes(text: str) -> int:
    """`16G` or `12.5GiB` as bytes; units are powers of 1024. Raises RequestError for what is no size."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    if match is None:
        raise RequestError(f"got a memory budget of {text!r}, wanted a size like 16G or 900M")
    return int(float(match[1]) * _UNITS[match[2]])


def available_memory() -> int | None:
    """Bytes that a program can still take, as the system estimates, within the limit of its control group; None
    where neither is known."""
    known = [number for number in (_system_available(), _group_available()) if number is not None]
    return min(known, default=None)


def _system_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _group_available(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that a container's limit leaves; cached files in it do not count, since they go when memory is wanted."""
    try:
        limit = (root / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        current = int((root / "memory.current").read_text(encoding="ascii"))
        pairs = (
            line.split() for line in (root / "memory.stat").read_text(encoding="ascii").splitlines()
        )
        counted = {name: int(value) for name, value in pairs}
        files = counted.get("active_file", 0) + counted.get("inactive_file", 0)
        return max(0, int(limit) - current + files)
    except (OSError, ValueError):
        return None
