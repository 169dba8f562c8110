"""MMLU-Pro under its protocols, on questions of our own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss.errors import EvalError
from gptoss.evals.benchmarks import BenchmarkOptions, open_benchmark
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Answer
from gptoss.evals.suite import Suite
from tests.evals.players import DATA, asked, play, text_of

_FOLDER = DATA / "mmlu_pro"
_OPTIONS = BenchmarkOptions(data=(_FOLDER,))


def _suite(**options: object) -> Suite:
    return open_benchmark("mmlu-pro", replace(_OPTIONS, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["aa-v3", "official"])
def test_reference_answers_are_right_and_others_wrong(protocol: str) -> None:
    suite = _suite(protocol=protocol)
    assert len(suite.samples()) == 28
    for sample in suite.samples():
        right = sample.data["right"]
        other = "A" if right != "A" else "B"
        (item,) = play(suite, sample, lambda _, x=right: f"So.\n\nThe answer is ({x}).")
        assert item.grade.outcome is Outcome.RIGHT
        (item,) = play(suite, sample, lambda _, x=other: f"Answer: {x}")
        assert item.grade.outcome is Outcome.WRONG


def test_a_missing_answer_is_nothing_by_one_protocol_and_a_guess_by_the_other() -> None:
    suite = _suite()
    (item,) = play(suite, suite.samples()[0], lambda _: "")
    assert (item.grade.outcome, item.grade.score, item.grade.stage) == (Outcome.NO_ANSWER, 0, "")
    suite = _suite(protocol="official")
    grades = [play(suite, sample, lambda _: "")[0].grade for sample in suite.samples()]
    assert {grade.outcome for grade in grades} == {Outcome.NO_ANSWER}
    assert {grade.stage for grade in grades} == {"guess"}
    assert {grade.score for grade in grades} == {0, 1}
    assert all(g.score == (g.details["guess"] == g.details["right"]) for g in grades)
    again = [play(suite, sample, lambda _: "")[0].grade for sample in suite.samples()]
    assert grades == again
    cut = Answer(content="", finish_reason="length")
    assert play(suite, suite.samples()[0], lambda _: cut)[0].grade.outcome is Outcome.CUT_OFF


def test_the_official_message_has_the_worked_examples_of_its_subject() -> None:
    suite = _suite(protocol="official")
    sample = next(each for each in suite.samples() if each.category["subject"] == "math")
    text = text_of(asked(suite, sample)[0])
    assert text.startswith("The following are multiple choice questions (with answers) about math.")
    assert "What is 7 times 8?" in text
    assert "pumps blood" not in text
    assert text.endswith("Answer: Let's think step by step.\n\n")
    assert any("fewer than 5 worked examples of biology" in each for each in suite.card.differs)
    assert [source.name for source in suite.sources] == ["test.jsonl", "validation.jsonl"]


def test_the_official_protocol_needs_the_validation_file() -> None:
    with pytest.raises(EvalError, match="worked examples"):
        _suite(protocol="official", data=(_FOLDER / "test.jsonl",))


def test_the_chance_of_a_random_answer_is_that_of_its_choices() -> None:
    suite = _suite()
    counts = [len(sample.data["choices"]) for sample in suite.samples()]  # type: ignore[arg-type]
    assert suite.card.chance == pytest.approx(sum(1 / count for count in counts) / len(counts))
    assert set(counts) == {4, 9}


def test_bad_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (_FOLDER / "test.jsonl").read_text().splitlines()]
    rows[0]["answer"] = "J"
    rows[1]["answer_index"] = 0 if rows[1]["answer_index"] else 1
    rows[2]["options"] = "A, B"
    rows[3]["options"] = ["one", "N/A", "N/A"]
    del rows[4]["options"]
    rows[5]["question_id"] = rows[6]["question_id"]
    path = tmp_path / "test.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + '\n{"cut": \n[]\n')
    suite = _suite(data=(path,))
    assert len(suite.samples()) == 22
    assert dict(suite.skipped) == {
        "questions whose answer is none of their choices": 2,
        "questions without a text or a list of choices": 1,
        "questions with fewer than two or more than ten choices": 1,
        "rows without a column that is needed": 1,
        "rows with the id of an earlier one": 1,
        "rows that cannot be read": 2,
    }
