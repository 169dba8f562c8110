"""Humanity's Last Exam: a judge's words as grades, and exact matches where there is no judge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gptoss.errors import AnswerError, EvalError, RequestError
from gptoss.evals.benchmarks import BenchmarkOptions, open_benchmark
from gptoss.evals.benchmarks.exact import exact_grade
from gptoss.evals.benchmarks.judge import judged_grade
from gptoss.evals.grade import Outcome
from gptoss.evals.play import Play
from gptoss.evals.question import Answer, Question
from gptoss.evals.report.summary import summarise
from gptoss.evals.suite import Ask, Suite
from tests.evals.players import DATA, asked, play, text_of

_OPTIONS = BenchmarkOptions(data=(DATA / "hle",))
JUDGEMENTS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "answers/judgements.jsonl").read_text().splitlines()
]


def _suite(**options: object) -> Suite:
    return open_benchmark("hle", replace(_OPTIONS, **options))  # type: ignore[arg-type]


def _judge(said: str, questions: list[Question] | None = None) -> Ask:
    async def judge(question: Question) -> Answer:
        if questions is not None:
            questions.append(question)
        return Answer(content=said)

    return judge


@pytest.mark.parametrize("row", JUDGEMENTS, ids=lambda row: row["note"])
def test_each_labelled_judgement_is_read_as_a_person_reads_it(row: dict[str, Any]) -> None:
    grade = judged_grade(Answer(content=row["said"]), "129")
    assert str(grade.outcome) == row["label"]
    assert grade.details.get("confidence") == row["confidence"]
    assert grade.stage == ("judge failed" if row["label"] == "ungraded" else "judge")
    assert bool(grade.reason) is (row["label"] in ("ungraded", "no answer"))


def test_the_judge_sees_question_response_and_right_answer() -> None:
    questions: list[Question] = []
    suite = _suite(judge=_judge(JUDGEMENTS[0]["said"], questions), judge_name="self")
    sample = suite.samples()[0]
    response = "Explanation: {right} {x}\nAnswer: 129\nConfidence: 80%"
    (item,) = play(suite, sample, lambda _: response)
    assert item.grade.outcome is Outcome.RIGHT
    (question,) = questions
    text = text_of(question)
    assert "[question]: What is the sum of the first ten primes?" in text
    assert f"[response]: {response}" in text
    assert "[correct_answer]: 129" in text
    assert question.response_format is not None
    assert question.temperature == 0


def test_an_empty_answer_is_not_judged() -> None:
    questions: list[Question] = []
    suite = _suite(judge=_judge("", questions))
    assert play(suite, suite.samples()[0], lambda _: " ")[0].grade.outcome is Outcome.NO_ANSWER
    cut = Answer(content="", finish_reason="length")
    assert play(suite, suite.samples()[0], lambda _: cut)[0].grade.outcome is Outcome.CUT_OFF
    assert questions == []


def test_a_judge_that_cannot_be_asked_makes_no_grade_and_one_that_is_away_is_asked_later() -> None:
    async def refuses(_: Question) -> Answer:
        raise RequestError("prompt is too long")

    async def away(_: Question) -> Answer:
        raise AnswerError("nobody answers")

    suite = _suite(judge=refuses)
    (item,) = play(suite, suite.samples()[0], lambda _: "Answer: 129")
    assert item.grade.outcome is Outcome.UNGRADED
    assert "cannot be asked: prompt is too long" in item.grade.reason
    suite = _suite(judge=away)
    with pytest.raises(AnswerError):
        play(suite, suite.samples()[0], lambda _: "Answer: 129")


def test_the_card_says_who_judges() -> None:
    card = _suite(judge=_judge(""), judge_name="self").card
    assert card.judge == "self"
    assert any(
        "judged by self, not gpt-4o-2024-08-06: the same answers have scored 4.6 and 5.9" in each
        for each in card.differs
    )
    card = _suite().card
    assert (card.judge, card.scoring) == ("", "exact match")
    assert any("no judge: only the same text or number" in each for each in card.differs)
    assert card.published == {}


@pytest.mark.parametrize(
    ("judge_name", "count", "has_figure"),
    [("gpt-4o-2024-08-06", 2158, True), ("self", 2158, False), ("gpt-4o-2024-08-06", 100, False)],
)
def test_the_figure_stands_beside_its_own_judge_and_set_alone(
    tmp_path: Path, judge_name: str, count: int, has_figure: bool
) -> None:
    row = json.loads((DATA / "hle/test.jsonl").read_text().splitlines()[0])
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps({**row, "id": str(k)}) + "\n" for k in range(count)))
    suite = _suite(data=(path,), judge=_judge(""), judge_name=judge_name)
    assert bool(suite.card.published) is has_figure


def test_questions_with_an_image_are_left_out_and_counted() -> None:
    suite = _suite()
    assert len(suite.samples()) == 19
    assert suite.skipped == {"questions with an image": 2}


def test_data_with_images_alone_is_an_error(tmp_path: Path) -> None:
    rows = (DATA / "hle/test.jsonl").read_text().splitlines()[-2:]
    path = tmp_path / "test.jsonl"
    path.write_text("\n".join(rows))
    with pytest.raises(EvalError, match="no question without an image"):
        _suite(data=(path,))


def test_without_a_judge_reference_answers_are_right_and_others_wrong() -> None:
    suite = _suite()
    for sample in suite.samples():
        right = sample.data["answer"]
        said = f"Explanation: so.\nAnswer: {right}\nConfidence: 65%"
        (item,) = play(suite, sample, lambda _, x=said: x)
        assert item.grade.outcome is Outcome.RIGHT
        assert item.grade.details["confidence"] == 0.65
        (item,) = play(suite, sample, lambda _: "Answer: nonsense 7\nConfidence: 5%")
        assert item.grade.outcome in (Outcome.WRONG, Outcome.NO_ANSWER)


def test_the_message_is_the_official_one() -> None:
    suite = _suite()
    (question,) = asked(suite, suite.samples()[0])
    assert [each["role"] for each in question.messages] == ["system", "user"]
    assert str(question.messages[0]["content"]).startswith(
        "Your response should be in the following"
    )
    assert text_of(question) == "What is the sum of the first ten primes?"


@pytest.mark.parametrize(
    ("said", "right", "outcome"),
    [
        ("Answer: 129", "129", Outcome.RIGHT),
        ("**Answer:** 129.", "129", Outcome.RIGHT),
        ("Answer: $\\boxed{129}$", "129", Outcome.RIGHT),
        ("Answer: 129.0", "129", Outcome.RIGHT),
        ("Answer: 1,290", "1290", Outcome.RIGHT),
        ("Answer: Gold", "gold", Outcome.RIGHT),
        ("Final Answer: gold", "Gold", Outcome.RIGHT),
        ("Answer: 12\nAnswer: 129", "129", Outcome.RIGHT),
        ("Answer: 129\nAnswer: 12", "129", Outcome.WRONG),
        ("Answer: about 129", "129", Outcome.WRONG),
        ("Answer: 129 or 130", "129", Outcome.WRONG),
        ("Answer: not gold", "gold", Outcome.WRONG),
        ("129", "129", Outcome.NO_ANSWER),
        ("The answer follows.", "129", Outcome.NO_ANSWER),
    ],
)
def test_exact_matches(said: str, right: str, outcome: Outcome) -> None:
    grade = exact_grade(said, right, is_choice=False, is_cut_off=False)
    assert grade.outcome is outcome


def test_choices_are_matched_by_their_letter() -> None:
    for said, outcome in (
        ("Answer: B", Outcome.RIGHT),
        ("Answer: B. p or not p", Outcome.RIGHT),
        ("Answer: C", Outcome.WRONG),
    ):
        assert exact_grade(said, "B", is_choice=True, is_cut_off=False).outcome is outcome


def test_a_report_tells_how_often_the_judge_made_sense_and_the_calibration() -> None:
    said = iter([JUDGEMENTS[0]["said"], JUDGEMENTS[1]["said"], "nonsense", JUDGEMENTS[0]["said"]])

    async def judge(_: Question) -> Answer:
        return Answer(content=next(said))

    suite = _suite(judge=judge, judge_name="self")
    plays = []
    for sample in suite.samples()[:4]:
        items = play(suite, sample, lambda _: "Answer: 129\nConfidence: 80%")
        plays.append(Play(sample=sample.id, repeat=0, exchanges=(), items=tuple(items)))
    summary = summarise(plays)
    assert summary.judged is not None
    assert (summary.judged.mean, summary.judged.n) == (0.75, 4)
    assert summary.calibration is not None
    # 0.8, 0.55 and 0.8 were stated, of which two are right.
    assert summary.calibration.mean == pytest.approx(abs(2.15 / 3 - 2 / 3))
    assert summary.calibration.n == 3
    assert summary.ungraded == 1
