"""Bytes that this machine, or a container's limit, can still give; and sizes as people write them."""

from __future__ import annotations

import re
from pathlib import Path

from gptoss.errors import RequestError
from gptoss.kernels.control_group import memory_left

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_bytes(text: str, what: str = "a memory budget of") -> int:
    """`16G` or `12.5GiB` as bytes; units are powers of 1024. Raises RequestError for what is no size."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    if match is None:
        raise RequestError(f"got {what} {text!r}, wanted a size like 16G or 900M")
    return int(float(match[1]) * _UNITS[match[2]])


def available_memory() -> int | None:
    """Bytes that a program can still take, as the system estimates, within the limits of its control groups; None where
    neither is known."""
    known = [number for number in (_system_available(), memory_left()) if number is not None]
    return min(known, default=None)


def _system_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
