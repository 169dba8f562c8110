"""The letter that a published harness would take, kept beside ours where the two differ.

Their last ways out take almost any capital letter for an answer, such as that of a sentence's first word.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MOST_CHARACTERS = 20_000
_BOLD = r"[\*\_]{0,2}"
# By NVIDIA's public copy of Artificial Analysis' methodology: in this order, the last match of the first that has one.
_ARTIFICIAL_ANALYSIS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i){_BOLD}Answer{_BOLD}\s?:[\s\*\_]{{0,4}}([A-Z])(?![a-zA-Z0-9])",
        r"\\boxed\{[^}]{0,200}([A-Z])[^}]{0,200}\}",
        r"answer is ([a-zA-Z])",
        r"answer is \(([a-zA-Z])",
        r"([A-Z])\)",
        r"([A-Z]) is the correct answer",
        r"([A-Z])\s?$",
        r"([A-Z])\s?\.",
        r"([A-Z])\s?[^\w]",
    )
)
# The script that TIGER-AI-Lab/MMLU-Pro gives for models behind an API: the first match of the first that has one.
_MMLU_PRO = (
    re.compile(r"answer is \(?([A-J])\)?"),
    re.compile(r"[aA]nswer:\s?([A-J])"),
)
_LONE = re.compile(r"\b[A-J]\b")


def by_artificial_analysis(text: str) -> str | None:
    """The letter by the nine patterns of their methodology."""
    shown = re.sub(r"\s+", " ", text[-_MOST_CHARACTERS:]).rstrip()
    for pattern in _ARTIFICIAL_ANALYSIS:
        found = pattern.findall(shown)
        if found:
            return str(found[-1]).upper()
    return None


def by_mmlu_pro(text: str) -> str | None:
    """The letter by the three stages of the benchmark's own script."""
    shown = re.sub(r"\s+", " ", text[-_MOST_CHARACTERS:])
    for pattern in _MMLU_PRO:
        found = pattern.search(shown)
        if found:
            return found.group(1)
    lone = _LONE.findall(shown)
    return lone[-1] if lone else None


Reading = Callable[[str], str | None]
