"""LiveCodeBench under its protocols and graders, on problems of our own."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gptoss.errors import EvalError
from gptoss.evals.benchmarks import BenchmarkOptions, livecodebench, open_benchmark
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Suite
from gptoss.tools.sandbox import Rung, RungName
from tests.evals.players import DATA, asked, play, text_of

_FILE = DATA / "livecodebench/test.jsonl"
_OPTIONS = BenchmarkOptions(data=(_FILE,))
_ROWS: list[dict[str, Any]] = list(map(json.loads, _FILE.read_text().splitlines()))
_ANSWERS = {
    row["id"]: row
    for row in map(json.loads, (DATA / "livecodebench/answers.jsonl").read_text().splitlines())
}


def _suite(**options: object) -> Suite:
    return open_benchmark("livecodebench", replace(_OPTIONS, **options))  # type: ignore[arg-type]


def _fenced(code: str) -> str:
    return f"Here it is.\n\n```python\n{code}\n```\n"


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_programs_of_an_answer_are_tested(kind: str) -> None:
    suite = _suite()
    for sample in suite.samples()[::5]:
        (item,) = play(suite, sample, lambda _, s=sample: _fenced(_ANSWERS[s.id][kind]))
        assert item.grade.outcome is (Outcome.RIGHT if kind == "right" else Outcome.WRONG)
        assert (item.grade.stage == "passed") is (kind == "right")
        assert item.grade.details["code"] == _ANSWERS[sample.id][kind]


def test_a_timeout_is_told_from_a_wrong_answer() -> None:
    suite = _suite(time_limit_s=0.5)
    (item,) = play(suite, suite.samples()[0], lambda _: _fenced("while True: pass"))
    assert (item.grade.outcome, item.grade.stage) == (Outcome.WRONG, "time limit")
    assert item.grade.reason.startswith("time limit on test 1 of 3: (stopped after ")
    assert any("0.5 s, not 6 s" in each for each in suite.card.differs)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("print(1)", Outcome.NO_ANSWER),
        ("```python\nprint(1)", Outcome.NO_ANSWER),
        ("```\n```", Outcome.NO_ANSWER),
        ("", Outcome.NO_ANSWER),
        ("<think>```python\nprint(3)\n```</think>", Outcome.NO_ANSWER),
        (
            "```python\nprint(1)\n```\nBetter:\n```\na, b = map(int, input().split())\nprint(a + b)\n```",
            Outcome.RIGHT,
        ),
        (
            "```python\na, b = map(int, input().split())\nprint(a + b)\n```\nExample:\n```\n1 2\n```",
            Outcome.WRONG,
        ),
    ],
)
def test_the_last_block_is_the_program(text: str, outcome: Outcome) -> None:
    suite = _suite()
    assert play(suite, suite.samples()[0], lambda _: text)[0].grade.outcome is outcome
    if outcome is Outcome.NO_ANSWER:
        cut = Answer(content=text, finish_reason="length")
        assert play(suite, suite.samples()[0], lambda _: cut)[0].grade.outcome is Outcome.CUT_OFF


def test_contests_are_chosen_by_their_dates() -> None:
    suite = _suite()
    # One of June 2024 and one of January 2025 are outside.
    assert len(suite.samples()) == 18
    assert suite.skipped == {"problems of other dates": 2}
    assert suite.card.published == {}
    said = "the data has 18 problems of its dates, the published has 315"
    assert any(said in each for each in suite.card.differs)
    assert len(_suite(protocol="official").samples()) == 20
    december = _suite(since="2024-12-01", until="2024-12-31")
    assert {sample.id for sample in december.samples()} == {"own03", "own11", "own12", "own17"}
    with pytest.raises(EvalError, match="no problem from 2030-01-01 to 2030-01-02"):
        _suite(since="2030-01-01", until="2030-01-02")
    with pytest.raises(EvalError, match="got the date '1 July', wanted one like"):
        _suite(since="1 July")


def test_the_published_set_has_its_figure(tmp_path: Path) -> None:
    inside = [row for row in _ROWS if "2024-07" <= row["contest_date"][:7] <= "2024-12"]
    rows = [{**inside[k % len(inside)], "question_id": f"p{k}"} for k in range(315)]
    suite = _suite(data=(_write(tmp_path / "test5.jsonl", rows),))
    assert list(suite.card.published.values()) == [0.777]
    shorter = _suite(data=(tmp_path / "test5.jsonl",), time_limit_s=1)
    assert shorter.card.published == {}


def test_messages_are_those_of_the_protocols() -> None:
    suite = _suite()
    by_id = {sample.id: sample for sample in suite.samples()}
    text = text_of(asked(suite, by_id["own01"])[0])
    assert text.startswith("### Question:\nRead two integers")
    assert "from stdin" in text
    assert text.endswith("### Answer: (use the provided format with backticks)\n\n")
    text = text_of(asked(suite, by_id["own13"])[0])
    assert "starter code" in text
    assert "class Solution:\n    def twice" in text
    official = _suite(protocol="official")
    (question,) = asked(official, official.samples()[0])
    assert [each["role"] for each in question.messages] == ["system", "user"]


@pytest.mark.parametrize(
    "tests",
    [
        "no json and no base 64",
        "[]",
        '[{"input": 1, "output": "2"}]',
        '[{"input": "1", "output": "no json"}]',
        None,
    ],
)
def test_tests_that_cannot_be_read_make_no_verdict(tmp_path: Path, tests: str | None) -> None:
    row = {**_ROWS[15], "private_test_cases": tests}
    if tests == "[]":
        row["public_test_cases"] = "[]"
    suite = _suite(data=(_write(tmp_path / "test.jsonl", [row]),))
    (item,) = play(suite, suite.samples()[0], lambda _: _fenced(_ANSWERS["own16"]["right"]))
    assert item.grade.outcome is Outcome.UNGRADED
    assert "its tests cannot be read" in item.grade.reason


def test_bad_rows_are_counted(tmp_path: Path) -> None:
    rows = [dict(row) for row in _ROWS]
    rows[0]["contest_date"] = "soon"
    rows[1]["metadata"] = "{"
    suite = _suite(data=(_write(tmp_path / "test.jsonl", rows),))
    assert suite.skipped["problems whose date or metadata cannot be read"] == 2


def test_tests_are_kept_where_their_place_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "livecodebench.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, _ROWS[0])
        writer.writeheader()
        writer.writerows(_ROWS)
    suite = _suite(data=(path,))
    (item,) = play(suite, suite.samples()[0], lambda _: _fenced(_ANSWERS["own01"]["right"]))
    assert item.grade.outcome is Outcome.RIGHT


def test_a_sandbox_that_fails_makes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Rung(RungName.BUBBLEWRAP, "/nowhere/bwrap")
    monkeypatch.setattr(livecodebench, "choose_rung", lambda: broken)
    suite = _suite()
    (item,) = play(suite, suite.samples()[0], lambda _: _fenced("print(1)"))
    assert item.grade.outcome is Outcome.UNGRADED
    assert item.grade.reason.startswith("the sandbox failed: ")


def test_who_does_not_wait_any_more_ends_the_program() -> None:
    suite = _suite()

    async def ask(_: Question) -> Answer:
        return Answer(content=_fenced("import time\nwhile True: time.sleep(1)"))

    async def run() -> None:
        await asyncio.wait_for(suite.play(suite.samples()[0], 0, ask), 1)  # type: ignore[arg-type]

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(run())
    # Of the 30 s that it had.
    assert time.monotonic() - began < 12


def test_an_unknown_grader_says_which_there_are() -> None:
    with pytest.raises(EvalError, match="got the grader 'docker', wanted subprocess or official"):
        _suite(grader="docker")
