"""The program in an answer, by the rules of the benchmarks that ask for one."""

from __future__ import annotations

import re

_FENCE = "```"
_IMPORT = re.compile(r"^[ \t]*(?:import .*|from .*\s+import\s+.*)", re.MULTILINE)


def last_block(text: str) -> str:
    """The lines between the last two that have a fence in them, as LiveCodeBench takes them; or nothing."""
    lines = text.split("\n")
    fences = [index for index, line in enumerate(lines) if _FENCE in line]
    if len(fences) < 2:
        return ""
    return "\n".join(lines[fences[-2] + 1 : fences[-1]])


def first_block(text: str) -> str:
    """The first block of Python, or of anything, as SciCode takes it; the whole text where there is no fence."""
    if _FENCE not in text:
        return text
    mark = f"{_FENCE}python" if f"{_FENCE}python" in text else _FENCE
    return text.split(mark, 1)[1].split(_FENCE, 1)[0]


def without_imports(code: str) -> str:
    """A program without its lines of imports, which SciCode gives by itself."""
    return _IMPORT.sub("", code)
