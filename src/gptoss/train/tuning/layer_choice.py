"""Layers by words: `all`, `none`, `last:8`, `3`, `7,15,23`, `0-5,20`."""

from __future__ import annotations

import re

from gptoss.errors import TrainingError, shown

_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def layers_of(text: str, count: int, name: str) -> frozenset[int]:
    """The layers that are meant, of so many; `name`: what they are chosen for. Raises TrainingError."""
    wanted = text.strip().lower()
    if wanted in ("all", "none"):
        return frozenset(range(count) if wanted == "all" else ())
    if wanted.startswith("last:") and wanted[5:].isdecimal() and len(wanted) < 12:
        number = int(wanted[5:])
        if 1 <= number <= count:
            return frozenset(range(count - number, count))
    found: set[int] = set()
    for piece in wanted.split(","):
        match = _RANGE.fullmatch(piece.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < count:
            raise TrainingError(
                f"got {shown(text)} as {name}, wanted all, none, last:N, or layers from 0 to {count - 1}, as in "
                "7,15,23 or 0-5"
            )
        found.update(range(first, last + 1))
    return frozenset(found)
