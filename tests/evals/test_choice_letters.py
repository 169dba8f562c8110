"""The letter of a multiple-choice answer, against labels that were written before the code."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gptoss.evals.benchmarks.multiple_choice import LETTERS, graded_choice
from gptoss.evals.extraction.choices import Stage, chosen_letter
from gptoss.evals.extraction.published import by_artificial_analysis, by_mmlu_pro
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Answer

_FILE = Path(__file__).parents[1] / "golden/evals/answers/choices.jsonl"
LABELLED = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", LABELLED, ids=lambda row: ascii(row["answer"])[:40])
def test_each_labelled_answer_is_graded_as_a_person_graded_it(row: dict[str, Any]) -> None:
    choice = chosen_letter(row["answer"], row["letters"])
    if choice.letter is None:
        said = "no answer"
        assert choice.reason
    else:
        said = "right" if choice.letter == row["right"] else "wrong"
    assert (said, str(choice.stage)) == (row["label"], row["stage"]), row["note"]


def test_there_are_labels_of_each_kind() -> None:
    assert len(LABELLED) >= 150
    assert {row["label"] for row in LABELLED} == {"right", "wrong", "no answer"}
    assert {row["stage"] for row in LABELLED} == {"", *map(str, Stage)}


@pytest.mark.parametrize("row", [row for row in LABELLED if row["label"] == "right"][::4])
def test_a_right_answer_is_wrong_where_another_letter_is_right(row: dict[str, Any]) -> None:
    other = next(each for each in row["letters"] if each != row["right"])
    answer = Answer(content=row["answer"])
    grade = graded_choice(answer, letters=row["letters"], right=other, first=(Stage.ANSWER_LINE,))
    assert grade.outcome is Outcome.WRONG


def test_public_harnesses_are_fooled_by_some_of_the_labelled_answers() -> None:
    """Otherwise their letters would be no reason to keep them beside ours."""
    silent = [row for row in LABELLED if row["label"] == "no answer"]
    fooled = [row for row in silent if by_artificial_analysis(row["answer"]) == row["right"]]
    assert len(fooled) >= 20
    fooled = [row for row in silent if by_mmlu_pro(row["answer"]) == row["right"]]
    assert len(fooled) >= 20


def test_what_the_published_harness_reads_is_kept_where_it_differs() -> None:
    grade = graded_choice(
        Answer(content="A careful look shows nothing"),
        letters="ABCD",
        right="A",
        first=(Stage.ANSWER_LINE,),
        published=by_artificial_analysis,
    )
    assert grade.outcome is Outcome.NO_ANSWER
    assert grade.score == 0
    assert grade.details == {"right": "A", "published harness": "A"}


def test_an_answer_that_was_cut_off_is_told_from_one_without_a_letter() -> None:
    answer = Answer(content="We weigh the four", finish_reason="length")
    grade = graded_choice(answer, letters="ABCD", right="A", first=())
    assert grade.outcome is Outcome.CUT_OFF


def test_stages_can_be_tried_in_another_order() -> None:
    text = "Answer: A\nThe answer is (B)."
    assert chosen_letter(text, "ABCD").letter == "A"
    assert chosen_letter(text, "ABCD", (Stage.ANSWER_IS,)).letter == "B"


@pytest.mark.parametrize(
    "text",
    [
        "Answer:" + " " * 60_000,
        "Answer:" + "\n \n" * 20_000 + "C",
        "\\boxed{" * 9_000,
        "\\text{" * 9_000,
        "<think>" * 9_000,
        "Answer: A, " * 5_000,
        "answer is " * 6_000,
        "I answer " * 6_000,
        "$ " * 30_000,
        "(A " * 20_000,
        "A) " * 20_000,
        "_ " * 20_000,
        "```\n" * 20_000,
        "if " * 20_000 + "Answer: A",
    ],
    ids=lambda text: ascii(text[:9]),
)
def test_no_answer_takes_long_to_read(text: str) -> None:
    began = time.process_time()
    chosen_letter(text, LETTERS)
    by_artificial_analysis(text)
    by_mmlu_pro(text)
    assert time.process_time() - began < 2
