"""Whether what a program printed or returned is what a test expects, by LiveCodeBench's rules."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation


def is_same_output(printed: str, expected: str) -> bool:
    """Whether all lines are the same but for the space around them, or the same numbers, compared as decimals."""
    found, wanted = _lines(printed), _lines(expected)
    return len(found) == len(wanted) and all(map(_is_same_line, found, wanted))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _is_same_line(found: str, wanted: str) -> bool:
    if found == wanted:
        return True
    numbers = _decimals(found)
    return numbers is not None and numbers == _decimals(wanted)


def _decimals(line: str) -> list[Decimal] | None:
    try:
        return [Decimal(word) for word in line.split()]
    except InvalidOperation:
        return None
