"""What the server answers, the prompts that it makes, and what else is public, are as they were recorded."""

from __future__ import annotations

import difflib

import pytest

from tests.net.record import GOLDENS, recorders

_RECORDERS = recorders()
_MOST_LINES = 60
_MOST_WIDTH = 300


@pytest.mark.parametrize("name", _RECORDERS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nothing_has_changed(name: str) -> None:
    recorded = (GOLDENS / name).read_text("utf-8").split("\n")
    found = _RECORDERS[name]().split("\n")
    if found != recorded:
        pytest.fail(_difference(name, recorded, found), pytrace=False)


def test_every_golden_is_compared() -> None:
    assert {path.name for path in GOLDENS.iterdir()} == set(_RECORDERS)


def _difference(name: str, recorded: list[str], found: list[str]) -> str:
    """Which cases differ, and the first lines that do."""
    lines: list[str] = []
    told: set[int] = set()
    changes = difflib.SequenceMatcher(None, recorded, found, autojunk=False).get_opcodes()
    if len(recorded) * len(found) > 10**9:
        changes = []
    for kind, start, stop, first, last in changes:
        if kind == "equal":
            continue
        head = [_last(recorded, start, mark) for mark in ("==== ", "-- ")]
        if head[1] not in told:
            told.add(head[1])
            lines += [f"{name}:{start + 1}", *(recorded[at] for at in head if at >= 0)]
        lines += [f"- {line}" for line in recorded[start:stop]]
        lines += [f"+ {line}" for line in found[first:last]]
    cut = [line if len(line) <= _MOST_WIDTH else line[:_MOST_WIDTH] + " ..." for line in lines]
    more = f"\n... and {len(cut) - _MOST_LINES} lines" if len(cut) > _MOST_LINES else ""
    return "\n".join(cut[:_MOST_LINES]) + more


def _last(lines: list[str], before: int, mark: str) -> int:
    """The nearest line above that begins so."""
    for at in range(min(before, len(lines) - 1), -1, -1):
        if lines[at].startswith(mark):
            return at
    return -1
