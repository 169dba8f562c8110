"""Cells that are empty, or of another type than text, are no samples: nobody is asked for the word `None`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gptoss.errors import DataError, EvalError
from gptoss.evals.benchmarks import BenchmarkOptions, open_benchmark
from gptoss.evals.benchmarks.exact import exact_grade
from gptoss.evals.data.cells import text_of
from gptoss.evals.suite import Suite
from tests.evals.players import DATA

_NO_TEXT: tuple[object, ...] = (None, True, [], {}, ["x"], "", "  ")
_FILES = {
    "mmlu-pro": "mmlu_pro/test.jsonl",
    "hle": "hle/test.jsonl",
    "livecodebench": "livecodebench/test.jsonl",
}


def _rows(benchmark: str) -> list[dict[str, object]]:
    lines = (DATA / _FILES[benchmark]).read_text().splitlines()
    return [json.loads(line) for line in lines]


def _opened(path: Path, benchmark: str, **options: object) -> Suite:
    return open_benchmark(benchmark, BenchmarkOptions(data=(path,), **options))  # type: ignore[arg-type]


def _of(folder: Path, benchmark: str, rows: list[dict[str, object]]) -> Suite:
    path = folder / "test.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return _opened(path, benchmark, protocol="official" if benchmark == "livecodebench" else None)


def test_a_cell_is_a_text_or_a_number() -> None:
    assert [text_of(each) for each in (*_NO_TEXT[:5], float("nan"), float("inf"))] == [""] * 7
    assert [text_of(each) for each in (" a ", 0, 1.5)] == ["a", "0", "1.5"]


@pytest.mark.parametrize(
    ("benchmark", "column", "reason"),
    [
        ("mmlu-pro", "question_id", "rows without a column that is needed"),
        ("mmlu-pro", "question", "questions without a text or a list of choices"),
        ("mmlu-pro", "answer", "questions whose answer is none of their choices"),
        ("hle", "id", "rows without a column that is needed"),
        ("hle", "question", "questions without a text or an answer"),
        ("hle", "answer", "questions without a text or an answer"),
        ("livecodebench", "question_id", "rows without a column that is needed"),
        ("livecodebench", "question_content", "problems without a text"),
    ],
)
def test_what_has_no_text_is_counted_apart(
    tmp_path: Path, benchmark: str, column: str, reason: str
) -> None:
    rows = _rows(benchmark)
    whole = _of(tmp_path, benchmark, rows)
    first = whole.samples()[0].id
    (place,) = (
        index
        for index, row in enumerate(rows)
        if str(row.get("question_id", row.get("id"))) == first
    )
    for value in _NO_TEXT:
        changed = [*rows[:place], {**rows[place], column: value}, *rows[place + 1 :]]
        suite = _of(tmp_path, benchmark, changed)
        assert len(suite.samples()) == len(whole.samples()) - 1, value
        assert suite.skipped[reason] == whole.skipped.get(reason, 0) + 1


def test_gpqa_has_no_answer_that_is_null(tmp_path: Path) -> None:
    row = {
        "Record ID": "r1",
        "Question": "Which?",
        "Correct Answer": "a",
        **{f"Incorrect Answer {number}": str(number) for number in (1, 2, 3)},
        "High-level domain": None,
        "Subdomain": "s",
    }
    path = tmp_path / "gpqa_diamond.json"
    # As pandas writes an empty cell.
    path.write_text(
        json.dumps([row, {**row, "Record ID": "r2", "Incorrect Answer 2": float("nan")}])
    )
    suite = _opened(path, "gpqa-diamond")
    assert [(each.id, each.category["domain"]) for each in suite.samples()] == [("r1", "")]
    assert suite.skipped == {"questions without a text or an answer": 1}


def test_choices_that_are_no_texts(tmp_path: Path) -> None:
    row = _rows("mmlu-pro")[0]
    rows: list[dict[str, object]] = [
        {**row, "question_id": index, "options": options}
        for index, options in enumerate((["a", None, "b"], [{}, "b"], "ab", ["a", "b", 3]))
    ]
    suite = _of(tmp_path, "mmlu-pro", [{**each, "answer": "A", "answer_index": 0} for each in rows])
    assert [each.data["choices"] for each in suite.samples()] == [["a", "b", "3"]]
    assert suite.skipped == {"questions without a text or a list of choices": 3}


def test_a_function_without_a_name_is_not_tested(tmp_path: Path) -> None:
    rows = _rows("livecodebench")
    for metadata in ('{"func_name": 5}', {"func_name": ["f"]}):
        suite = _of(tmp_path, "livecodebench", [{**rows[0], "metadata": metadata}, *rows[1:]])
        assert suite.skipped["problems whose function has no name"] == 1


def test_steps_of_other_types(tmp_path: Path) -> None:
    lines = (DATA / "scicode/problems_test.jsonl").read_text().splitlines()
    problem = json.loads(lines[0])

    def with_step(changed: Mapping[str, object]) -> str:
        first, *others = problem["sub_steps"]
        return json.dumps({**problem, "sub_steps": [{**first, **changed}, *others]})

    cases: tuple[Mapping[str, object], ...] = (
        {"function_header": None},
        {"test_cases": [5]},
        {"step_number": []},
    )
    for changed in cases:
        path = tmp_path / "problems_test.jsonl"
        path.write_text(with_step(changed))
        with pytest.raises(EvalError, match="no problem of SciCode with its steps"):
            _opened(tmp_path, "scicode")


def test_the_first_row_behind_a_mark_of_byte_order(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    data = (DATA / _FILES["livecodebench"]).read_bytes()
    before = _opened(DATA / _FILES["livecodebench"], "livecodebench", protocol="official")
    path.write_bytes(b"\xef\xbb\xbf" + data)
    suite = _opened(path, "livecodebench", protocol="official")
    assert [each.id for each in suite.samples()] == [each.id for each in before.samples()]
    assert suite.samples()[0].data["tests"].read() == json.loads(data.splitlines()[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("test.jsonl", "{}".encode("utf-16"), "it is not UTF-8 text"),
        ("test.jsonl", b"", "there is none"),
        ("test.jsonl", b'{"a": NaN}', "NaN is not a JSON number"),
        ("test.json", b"[5]", "it is no object"),
        ("test.csv", b"a,b\nc\n", "it has more or fewer fields"),
        ("test.csv", b"a,b,a\n1,2,3\n", "has a column twice: a, b, a"),
    ],
)
def test_why_no_row_can_be_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((DataError, EvalError), match=said):
        _opened(path, "mmlu-pro")


@pytest.mark.parametrize("said", ["sNaN", "NaN", "-sNaN123", "Infinity", "1e999999999999999999"])
def test_what_decimals_take_for_numbers(said: str) -> None:
    grade = exact_grade(f"Answer: {said}", "1", is_choice=False, is_cut_off=False)
    assert (str(grade.outcome), grade.found) == ("wrong", said)
