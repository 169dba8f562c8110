"""How what a page shows is held against what was printed."""

from __future__ import annotations

import re

# Stands for what differs from run to run: within a line for any text of it, alone in a line for any lines.
ANY = "…"


def is_shown(shown: str, printed: str) -> bool:
    """Whether that is what was printed, but for blanks at the ends of lines and blank lines at its end."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == ANY else f"{_pattern(line)}\n" for line in _lines(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _pattern(line: str) -> str:
    return ".*?".join(re.escape(part) for part in line.split(ANY))
