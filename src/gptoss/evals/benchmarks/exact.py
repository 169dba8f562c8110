"""The grade of a short answer without a judge: the same text, or the same number."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from gptoss.evals.extraction.choices import chosen_letter
from gptoss.evals.grade import Grade

EXACT = "exact match"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ANSWER = re.compile(
    r"^[ \t*_#>-]*(?:final\s+)?answer[ \t*_]*:[ \t*_]*(.+)$", re.IGNORECASE | re.MULTILINE
)
_CONFIDENCE = re.compile(
    r"confidence[ \t*_]*:[ \t*_]*(\d{1,3}(?:\.\d{1,4})?)[ \t]*\\?%?", re.IGNORECASE
)
_WRAPPED = re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}")


def exact_grade(text: str, right: str, *, is_choice: bool, is_cut_off: bool) -> Grade:
    """The grade of an answer by what stands after `Answer:`."""
    details: dict[str, object] = {"right": right, "confidence": _confidence(text)}
    if is_choice:
        found = chosen_letter(text, _LETTERS).letter
    else:
        lines = _ANSWER.findall(text)
        found = lines[-1].strip() if lines else None
    if found is None:
        return Grade.missing(
            is_cut_off=is_cut_off, reason="it has no line `Answer:`", details=details
        )
    is_right = _plain(found) == _plain(right) or _is_same_number(found, right)
    return Grade.of(is_right, found=found[:500], stage=EXACT, details=details)


def _confidence(text: str) -> float | None:
    found = _CONFIDENCE.findall(text)
    number = float(found[-1]) if found else -1.0
    return number / 100 if 0 <= number <= 100 else None


def _plain(text: str) -> str:
    for _ in range(3):
        text = _WRAPPED.sub(r"\1", text)
    text = re.sub(r"\\[()\[\]]|[$*`\"'“”]", "", text)
    return re.sub(r"\s+", " ", text).strip().rstrip(".").strip().casefold()


def _is_same_number(found: str, right: str) -> bool:
    numbers = []
    for each in (found, right):
        try:
            numbers.append(Decimal(re.sub(r"(?<=\d),(?=\d{3}\b)", "", _plain(each))))
        except InvalidOperation:
            return False
    return all(each.is_finite() for each in numbers) and numbers[0] == numbers[1]
