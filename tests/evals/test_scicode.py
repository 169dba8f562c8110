"""SciCode step by step, on problems of our own whose targets are made here."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss.errors import EvalError, SandboxError
from gptoss.evals.benchmarks import BenchmarkOptions, open_benchmark
from gptoss.evals.grade import Item, Outcome
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Sample, Suite
from tests.evals.players import DATA, asked, play, text_of

pytest.importorskip("h5py")
pytest.importorskip("scipy")
from tests.evals.step_targets import write_targets

_ANSWERS = {
    row["step"]: row
    for row in map(json.loads, (DATA / "scicode/answers.jsonl").read_text().splitlines())
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scicode")
    for path in (DATA / "scicode").iterdir():
        if path.name != "answers.jsonl":
            shutil.copy(path, made)
    write_targets(made / "test_data.h5")
    return made


def _suite(folder: Path, **options: object) -> Suite:
    given = BenchmarkOptions(data=(folder,))
    return open_benchmark("scicode", replace(given, **options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def suite(folder: Path) -> Suite:
    return _suite(folder)


def _step(question: Question) -> str:
    """The number of the step that a message asks for, by its header."""
    coming = text_of(question).partition("NEXT STEP")[2]
    for number, row in _ANSWERS.items():
        header = row["right"].partition("def ")[2].partition("(")[0]
        if f"def {header}(" in coming:
            return number
    raise AssertionError(coming)


def _answers(kind: Callable[[str], str]) -> Callable[[Question], str]:
    def reply(question: Question) -> str:
        step = _step(question)
        return f"Here:\n```python\n{_ANSWERS[step][kind(step)]}\n```\n"

    return reply


def _by_id(suite: Suite, name: str) -> Sample:
    return next(sample for sample in suite.samples() if sample.id == name)


def _outcomes(items: Sequence[Item]) -> dict[str, str]:
    return {item.id: str(item.grade.outcome) for item in items}


def test_reference_steps_are_right_and_each_is_an_item_of_its_problem(suite: Suite) -> None:
    for sample in suite.samples():
        items = play(suite, sample, _answers(lambda _: "right"))
        assert set(_outcomes(items).values()) == {"right"}, [item.grade for item in items]
        assert {item.cluster for item in items} == {sample.id}
    assert _outcomes(play(suite, _by_id(suite, "13"), _answers(lambda _: "right"))).keys() == {
        "13.5",
        "13.7",
    }


def test_a_wrong_step_fails_those_that_use_it(suite: Suite) -> None:
    items = play(
        suite, _by_id(suite, "501"), _answers(lambda n: "wrong" if n == "501.1" else "right")
    )
    assert _outcomes(items) == {"501.1": "wrong", "501.2": "wrong", "501.3": "wrong"}
    assert items[0].grade.stage == "wrong answer"
    assert items[0].grade.reason.startswith("wrong answer on test 2 of 2: AssertionError")
    items = play(
        suite, _by_id(suite, "502"), _answers(lambda n: "wrong" if n == "502.2" else "right")
    )
    assert _outcomes(items) == {"502.1": "right", "502.2": "wrong"}


def test_a_message_has_the_generated_code_of_the_steps_before(suite: Suite) -> None:
    questions: list[Question] = []

    def reply(question: Question) -> str:
        questions.append(question)
        return "```python\nimport os\nfrom math import pi\ndef made_up():\n    return '{next}'\n```"

    play(suite, _by_id(suite, "501"), reply)
    first, second, third = map(text_of, questions)
    assert "def made_up" not in first
    assert "def made_up():\n    return '{next}'" in second
    assert "import os" not in second
    assert third.count("def made_up") == 2
    assert "\n------\n" in third
    assert "Background: a share is a part of a whole." in second
    assert "import numpy as np" in second
    assert second.endswith("in format of ```python```.")


def test_a_given_step_is_not_asked_for_and_its_code_is_used(suite: Suite) -> None:
    questions = asked(suite, _by_id(suite, "13"))
    assert len(questions) == 2
    text = text_of(questions[1])
    assert "def fourth(x):" in text
    # The file's other function is not the step's.
    assert "def square" not in text.partition("def fourth")[2].partition("NEXT STEP")[0]


def test_the_official_protocol_asks_for_the_background(folder: Path) -> None:
    suite = _suite(folder, protocol="official")
    text = text_of(asked(suite, _by_id(suite, "501"))[0])
    assert "Background: a sum adds" not in text
    assert "starting with 'Background: '" in text
    assert (suite.card.temperature, suite.card.repeats) == (0, 1)


def test_a_full_context_fails_the_rest_of_a_problem(suite: Suite) -> None:
    asked_for = []

    def reply(question: Question) -> Answer | str:
        asked_for.append(_step(question))
        if asked_for[-1] == "501.2":
            return Answer.too_long()
        return _answers(lambda _: "right")(question)

    items = play(suite, _by_id(suite, "501"), reply)
    assert _outcomes(items) == {"501.1": "right", "501.2": "cut off", "501.3": "cut off"}
    assert "no room for this step" in items[1].grade.reason
    assert asked_for == ["501.1", "501.2"]


def test_an_answer_without_a_program_or_that_is_cut_off(suite: Suite) -> None:
    sample = _by_id(suite, "502")
    items = play(suite, sample, lambda _: "")
    assert _outcomes(items) == {"502.1": "no answer", "502.2": "no answer"}
    cut = Answer(content="```python\ndef twos(n):\n    return", finish_reason="length")
    assert set(_outcomes(play(suite, sample, lambda _: cut)).values()) == {"cut off"}


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("import sys\nsys.exit(0)", "runtime error"),
        ("def twos(n):\n    import sys\n    sys.exit(0)", "runtime error"),
        ("def twos(n):\n    import os\n    os._exit(0)", "runtime error"),
        ("def twos(n):\n    raise KeyboardInterrupt", "runtime error"),
        ("def twos(n):\n    while True: pass", "time limit"),
        ("while True: pass", "time limit"),
        ("def twos(n):\n    return bytearray(1 << 45)", "memory limit"),
        ("def twos(n):\n    return open('/etc/passwd')", "runtime error"),
        (
            "def twos(n):\n    import os\n    return open('/mnt/data/target', 'rb').read()",
            "runtime error",
        ),
        ("def twos(n)", "runtime error"),
        ("def other(n): pass", "runtime error"),
        ("print('passed')", "runtime error"),
    ],
)
def test_code_that_does_not_pass_its_tests_is_not_right(
    folder: Path, code: str, stage: str
) -> None:
    suite = _suite(folder, time_limit_s=4)
    items = play(suite, _by_id(suite, "502"), lambda _: f"```python\n{code}\n```")
    assert (items[0].grade.outcome, items[0].grade.stage) == (Outcome.WRONG, stage)


def test_a_step_without_targets_is_ungraded(folder: Path, tmp_path: Path) -> None:
    import h5py

    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    with h5py.File(tmp_path / "test_data.h5", "a") as file:
        del file["501.1"]
    suite = _suite(tmp_path)
    items = play(suite, _by_id(suite, "501"), _answers(lambda _: "right"))
    assert _outcomes(items) == {"501.1": "ungraded", "501.2": "right", "501.3": "right"}
    assert "gives no targets of step 501.1" in items[0].grade.reason


def test_imports_are_tried_before_anything_is_asked(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    file = tmp_path / "problems_test.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["required_dependencies"] += "\nfrom scipy.integrate import no_such_rule"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(EvalError) as caught:
        _suite(tmp_path)
    said = str(caught.value)
    assert "`from scipy.integrate import no_such_rule` (ImportError: " in said
    assert "for problem 501)" in said
    assert '"scipy<1.14"' in said
    assert "--sandbox-python" in said


def test_another_python_is_taken(folder: Path, tmp_path: Path) -> None:
    assert _suite(folder, sandbox_python=Path(sys.executable)).samples()
    with pytest.raises(SandboxError, match="does not run as a Python"):
        _suite(folder, sandbox_python=tmp_path / "no-python")
    with pytest.raises(SandboxError, match="does not run as a Python"):
        _suite(folder, sandbox_python=Path("/bin/ls"))


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"found no test_data\.h5"):
        _suite(DATA / "scicode")
    for path in folder.iterdir():
        if path.name != "13.6.txt":
            shutil.copy(path, tmp_path)
    suite = _suite(tmp_path)
    assert [sample.id for sample in suite.samples()] == ["501", "502"]
    assert suite.skipped == {
        "problems whose given step is missing (put 13.6.txt, 62.1.txt, 76.3.txt beside them)": 1
    }


def test_bad_rows_are_counted(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    file = tmp_path / "problems_test.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["sub_steps"] = []
    del rows[1]["sub_steps"][0]["test_cases"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = _suite(tmp_path)
    assert suite.skipped == {"problems without whole steps": 2}


def test_files_of_the_protocol_are_chosen(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    rows = (tmp_path / "problems_test.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "problems_test.jsonl").write_text("".join(rows[:2]))
    (tmp_path / "problems_dev.jsonl").write_text(rows[2])
    assert len(_suite(tmp_path).samples()) == 3
    assert len(_suite(tmp_path, protocol="aa-v4").samples()) == 2
    (tmp_path / "problems_all.jsonl").write_text("".join(rows))
    suite = _suite(tmp_path)
    assert (len(suite.samples()), dict(suite.skipped)) == (3, {})


def test_hashes_are_held_against_the_published_ones(suite: Suite) -> None:
    assert [(source.name, source.known) for source in suite.sources] == [
        ("problems_test.jsonl", False),
        ("test_data.h5", False),
    ]
    assert suite.card.published == {}
    assert any(
        "the data has 7 steps that are asked for, the published has 338 or 335" in each
        for each in suite.card.differs
    )
