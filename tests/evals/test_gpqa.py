"""GPQA Diamond under its protocols, on questions of our own."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss.errors import EvalError
from gptoss.evals.benchmarks import BenchmarkOptions, open_benchmark
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Question
from gptoss.evals.suite import Suite
from tests.evals.players import DATA, asked, play, text_of

_FILE = DATA / "gpqa/gpqa_diamond.csv"
_OPTIONS = BenchmarkOptions(data=(_FILE,))
_PROTOCOLS = ("aa-v3", "openai", "official")


def _suite(**options: object) -> Suite:
    return open_benchmark("gpqa-diamond", replace(_OPTIONS, **options))  # type: ignore[arg-type]


def _letter(question: Question, answer: str) -> str:
    """The letter before an answer, as whoever reads the message sees it."""
    found = re.findall(rf"^\(?([A-D])\) {re.escape(answer)}$", text_of(question), re.MULTILINE)
    (letter,) = found
    return str(letter)


def _rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_FILE.read_text(encoding="utf-8"), newline="")))


@pytest.mark.parametrize("protocol", _PROTOCOLS)
def test_who_knows_all_answers_is_right_in_each_repeat(protocol: str) -> None:
    suite = _suite(protocol=protocol)
    for sample in suite.samples():
        right, wrong, *_ = sample.data["answers"]  # type: ignore[misc]
        for repeat in range(3):
            (item,) = play(
                suite, sample, lambda q, a=right: f"The correct answer is ({_letter(q, a)})", repeat
            )
            assert item.grade.outcome is Outcome.RIGHT
            (item,) = play(suite, sample, lambda q, a=wrong: f"Answer: {_letter(q, a)}", repeat)
            assert item.grade.outcome is Outcome.WRONG


def test_the_order_of_choices_is_drawn_from_seed_question_and_repeat() -> None:
    def messages(seed: int, repeat: int) -> list[str]:
        suite = _suite(seed=seed)
        return [text_of(asked(suite, sample, repeat)[0]) for sample in suite.samples()]

    assert messages(1, 0) == messages(1, 0)
    assert messages(1, 0) != messages(1, 1)
    assert messages(1, 0) != messages(2, 0)
    suite = _suite()
    places = [
        _letter(asked(suite, sample, repeat)[0], str(sample.data["answers"][0]))  # type: ignore[index]
        for sample in suite.samples()
        for repeat in range(10)
    ]
    # Of 200 draws, 50 are expected in each place, and 25 or fewer in one of ten thousand.
    assert all(places.count(letter) > 25 for letter in "ABCD")


def test_messages_are_those_of_the_protocols() -> None:
    first = {
        name: text_of(asked(_suite(protocol=name), _suite().samples()[1])[0]) for name in _PROTOCOLS
    }
    assert "format: 'Answer: A/B/C/D' (e.g. 'Answer: A')" in first["aa-v3"]
    assert "\nA) " in first["aa-v3"]
    assert first["openai"].endswith("option 'A', 'B', 'C', or 'D'.")
    assert "\n(A) " in first["openai"]
    assert first["official"].startswith("What is the correct answer to this question: ")
    assert "correct answer is (insert answer here)" in first["official"]


def test_a_figure_is_shown_for_the_published_set_alone(tmp_path: Path) -> None:
    assert _suite().card.published == {}
    assert any("20 questions, the published has 198" in each for each in _suite().card.differs)
    rows = _rows()
    whole = tmp_path / "gpqa_diamond.csv"
    with whole.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**rows[k % 20], "Record ID": str(k)} for k in range(198))
    suite = _suite(data=(whole,))
    assert list(suite.card.published.values()) == [0.688]
    (source,) = suite.sources
    # As many rows, but not the published file.
    assert source.rows == 198
    assert source.known is False


def test_bad_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    rows = _rows()
    rows[1]["Record ID"] = rows[0]["Record ID"]
    rows[2]["Incorrect Answer 2"] = rows[2]["Correct Answer"]
    rows[3]["Question"] = " "
    path = tmp_path / "diamond.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with path.open("a") as file:
        file.write("only,two\n")
    suite = _suite(data=(path,))
    assert len(suite.samples()) == 17
    assert sum(suite.skipped.values()) == 4
    assert len(suite.skipped) == 4


def test_an_unknown_protocol_says_which_there_are() -> None:
    with pytest.raises(
        EvalError, match=r"got the protocol 'aa-v9' .* wanted one of aa-v3, openai, official"
    ):
        _suite(protocol="aa-v9")
