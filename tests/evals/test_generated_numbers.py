"""The number of an answer, in the spellings that models have, and tasks whose answers are computed another way."""

from __future__ import annotations

import re

import pytest

from gptoss.evals.generated.arithmetic import CELLS, Arithmetic
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.numbers import grade_number, number_of
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Answer

LABELLED = [
    ("57290", 57290, "alone"),
    (" 57290\n", 57290, "alone"),
    ("57,290", 57290, "alone"),
    ("57\u202f290", 57290, "alone"),
    ("57\u00a0290", 57290, "alone"),
    ("57'290", 57290, "alone"),
    ("57290.", 57290, "last"),
    ("57290.0", 57290, "alone"),
    ("The answer is 57290.", 57290, "last"),
    ("48213 + 9077 = 57290", 57290, "last"),
    ("48213 + 9077 = **57,290**", 57290, "bold"),
    ("**57290 metres**, that is 57 kilometres and 290 metres", 57290, "bold"),
    ("**Step 1:** add 3 and 4.\n\n57290", 57290, "last"),
    (r"\boxed{57290}, since 3 + 7 = 10", 57290, "boxed"),
    (r"\(\boxed{57{,}290}\)", 57290, "boxed"),
    (r"\boxed{\text{57290}}", 57290, "boxed"),
    ("-17", -17, "alone"),
    ("The result is −17.", -17, "last"),
    ("5 - 22 = -17", -17, "last"),
    ("5-22=-17", -17, "last"),
    ("It is 40-23, so 17", 17, "last"),
    ("57290\n\nLet me know if you want 2 more!", 2, "last"),
    ("48213 9077", 9077, "last"),
    ("12,34", 34, "last"),
    ("3.5", 3.5, "alone"),
    ("v57290x", None, ""),
    ("I cannot say.", None, ""),
    ("", None, ""),
]


@pytest.mark.parametrize(("text", "number", "stage"), LABELLED)
def test_labelled_numbers(text: str, number: float | None, stage: str) -> None:
    found = number_of(text)
    if number is None:
        assert found is None
    else:
        assert found is not None
        assert (float(found[0]), found[1]) == (number, stage)


def test_outcomes_of_numbers() -> None:
    assert grade_number(Answer(content="= 12"), 12).outcome is Outcome.RIGHT
    assert grade_number(Answer(content="13"), 12).outcome is Outcome.WRONG
    assert grade_number(Answer(content="twelve"), 12).outcome is Outcome.NO_ANSWER
    cut_off = Answer(content="", finish_reason="length")
    assert grade_number(cut_off, 12).outcome is Outcome.CUT_OFF


def _recomputed(text: str) -> int:
    """The answer to a task, from its text."""
    if found := re.fullmatch(r"What is ([\d+*() -]+)\?", text):
        return int(eval(found[1]))
    numbers = [int(each) for each in re.findall(r"\d+", text)]
    if "remainder" in text:
        return numbers[0] % numbers[1]
    if "largest" in text:
        return max(numbers) - min(numbers)
    factors = {
        "kilometres and": 1000, "kilograms": 1000, "hours": 3600, "days": 1440, "metres and": 100, "years": 12,
    }  # fmt: skip
    factor = next(factor for name, factor in factors.items() if name in text)
    return numbers[0] * factor + numbers[1]


def test_answers_are_those_of_the_questions() -> None:
    for sample in Arithmetic(GeneratedOptions(size=len(CELLS) * 20)).samples():
        text, answer = str(sample.data["text"]), sample.data["answer"]
        assert _recomputed(text) == answer, text
        assert str(answer).lstrip("-") not in re.findall(r"\d+", text)


def test_a_large_run_has_longer_numbers_where_short_ones_end() -> None:
    samples = Arithmetic(GeneratedOptions(size=len(CELLS) * 90)).samples()
    sums = [each for each in samples if each.category["kind"] == "sum"]
    ones = [each for each in sums if each.category["difficulty"] == "sum, 1 digit"]
    assert len(ones) == 20
    texts = [each.data["text"] for each in samples]
    assert len(set(texts)) == len(texts)


def test_draws_are_uniform_and_distinct() -> None:
    draws = Draws("a", 1)
    counts = [0] * 7
    for _ in range(7000):
        counts[draws.below(7)] += 1
    # Five standard deviations of a binomial of 7,000 and 1/7.
    assert all(abs(count - 1000) < 147 for count in counts)
    assert sorted(draws.shuffled(range(50))) == list(range(50))
    assert len(set(draws.some_of(range(50), 50))) == 50
    assert {draws.between(3, 5) for _ in range(200)} == {3, 4, 5}
    assert Draws("a", 1).below(10**9) == Draws("a", 1).below(10**9)
    assert Draws("a", 1).below(10**9) != Draws("a", 2).below(10**9)
