"""The number that an answer gives."""

from __future__ import annotations

import re
from decimal import Decimal

from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer

# Thousands may be apart by what people put there, but not by a plain space, which also stands between two numbers.
_NUMBER = (
    r"(?<![\w.])[-−–]?(?:\d{1,3}(?:(?:\{,\}|[,\u00a0\u2009\u202f'’])\d{3})+(?![\d])|\d+)(?:\.\d+)?"
)
_ANY = re.compile(_NUMBER)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\text\{)?([^{}]*(?:\{,\}[^{}]*)*)\}?\s*\}")
_BOLD = re.compile(rf"\*\*\s*({_NUMBER})[^\d*]{{0,20}}\*\*")


def number_of(text: str) -> tuple[Decimal, str] | None:
    """The number that a text ends in, or marks as its answer, and how it was found; None: there is none."""
    for stage, pattern in (("boxed", _BOXED), ("bold", _BOLD)):
        for marked in reversed(pattern.findall(text)):
            if found := _ANY.findall(marked):
                return _read(found[-1]), stage
    found = _ANY.findall(text)
    if not found:
        return None
    return _read(found[-1]), "alone" if found[-1] == text.strip() else "last"


def grade_number(answer: Answer, right: int) -> Grade:
    """Whether an answer gives just that number."""
    found = number_of(answer.content)
    if found is None:
        return Grade.missing(is_cut_off=answer.is_cut_off)
    number, stage = found
    return Grade.of(number == right, found=f"{number:f}", stage=stage, details={"right": right})


def _read(text: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.-]", "", re.sub("[−–]", "-", text)))
