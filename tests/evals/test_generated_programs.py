"""Programs against hidden tests: right, wrong, endless, hostile, and without a sandbox."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gptoss.errors import SandboxError
from gptoss.evals.generated import code as code_module
from gptoss.evals.generated import program_check
from gptoss.evals.generated.code import Code
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.generated.program_check import function_in
from gptoss.evals.grade import Grade, Outcome
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample
from gptoss.tools.sandbox import Limits, choose_rung
from tests.evals.answering import play

BLOCK = "```python\ndef solve(values):\n    return 1\n```"


@pytest.fixture(scope="module")
def suite() -> Code:
    try:
        choose_rung()
    except SandboxError as error:
        pytest.skip(str(error))
    return Code(GeneratedOptions(size=16))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less time for what would take all of it."""
    limits = Limits(
        wall_s=2.0, grace_s=0.5, cpu_s=30, memory_bytes=512 << 20, written_bytes=1 << 20
    )
    monkeypatch.setattr(program_check, "_LIMITS", limits)


def _graded(suite: Code, code: str, number: int = 0) -> Grade:
    sample = suite.samples()[number]
    (item,) = play(suite, sample, [Answer(content=f"```python\n{code}\n```")])
    return item.grade


def _source(sample: Sample) -> str:
    return str(sample.data["source"])


@pytest.mark.parametrize(
    ("content", "stage"),
    [
        (BLOCK, "block"),
        (f"Here:\n\n{BLOCK}\n\nIt returns 1.", "block"),
        ("```\ndef solve(values):\n    return 1\n```", "block"),
        ("```py\ndef solve(values):\n    return 1", "block"),
        ("def solve(values):\n    return 1", "whole"),
    ],
)
def test_where_the_function_is_found(content: str, stage: str) -> None:
    found = function_in(content, "solve")
    assert found is not None
    assert found[1] == stage
    namespace: dict[str, Any] = {}
    exec(found[0], namespace)
    assert namespace["solve"]([]) == 1


def test_the_last_block_that_defines_it_counts() -> None:
    later = "```python\ndef solve(values):\n    return 2\n```\n\n```python\nprint(solve([]))\n```"
    found = function_in(f"{BLOCK}\n\nBetter:\n\n{later}", "solve")
    assert found is not None
    assert "return 2" in found[0]


@pytest.mark.parametrize("content", ["", "I cannot.", "```python\nprint(1)\n```"])
def test_where_there_is_none(content: str) -> None:
    assert function_in(content, "solve") is None


def test_a_program_written_otherwise_is_right(suite: Code) -> None:
    sample = suite.samples()[0]
    work = _source(sample).replace("def solve", "def work")
    code = f"""import json
{work}
# In place of def solve: a value that JSON has another word for, and what nobody asked for.
def solve(values):
    found = work(values)
    return tuple(found) if isinstance(found, list) else found

assert solve([]) is not None
"""
    assert _graded(suite, code).outcome is Outcome.RIGHT


def test_how_many_tests_passed_is_said(suite: Code) -> None:
    code = _source(suite.samples()[0]).replace(
        "def solve(values):", "def solve(values):\n    if len(values) == 7:\n        return None"
    )
    grade = _graded(suite, code)
    assert (grade.outcome, grade.reason) == (Outcome.WRONG, "11 of 12 tests passed")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def solve(values):\n    return values[", "SyntaxError"),
        ("def solve(values):\n    raise ValueError(1)", "0 of 12"),
        ("def solve(values):\n    return {1, 2}", "0 of 12"),
        ("def solve(values):\n    return float('nan')", "0 of 12"),
        ("def solve(values):\n    values.append(values)\n    return values", "0 of 12"),
        ("raise SystemExit(0)\ndef solve(values):\n    return 1", ""),
        ("import nowhere\ndef solve(values):\n    return 1", "ModuleNotFoundError"),
    ],
)
def test_programs_that_fail(suite: Code, code: str, said: str) -> None:
    grade = _graded(suite, code)
    assert grade.outcome is Outcome.WRONG
    assert said in grade.reason


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def solve(values):\n    while True: pass", "timeout"),
        ("while True: pass\ndef solve(values):\n    return 1", "timeout"),
        ("def solve(values):\n    while True: print('x' * 9999)", "output"),
        ("import os\ndef solve(values):\n    os._exit(0)", "killed"),
    ],
)
def test_programs_without_end(suite: Code, code: str, reason: str) -> None:
    began = time.monotonic()
    grade = _graded(suite, code)
    assert (grade.outcome, grade.reason) == (Outcome.WRONG, reason)
    assert time.monotonic() - began < 30


# Each looks for the results, or for whoever judges them.
HOSTILE = {
    "prints a verdict": "print('[[true, 1]]')\ndef solve(values):\n    print('passed')\n    return None",
    "reads its caller": "import sys\ndef solve(values):\n    frame = sys._getframe(1)\n"
    "    found = {**frame.f_locals, **frame.f_globals}\n"
    "    return next((v for k, v in found.items() if 'right' in k or 'expect' in k), None)",
    "replaces json": "import json\njson.loads = lambda text: [[0]] * 12\njson.dumps = lambda value: '[[true, 0]]'\n"
    "def solve(values):\n    return 0",
    "always equal": "class Any(list):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False\n"
    "def solve(values):\n    return Any()",
    "replaces print": "import builtins\nbuiltins.print = lambda *a, **k: None\ndef solve(values):\n    return 1",
    "looks for files": "import glob\ndef solve(values):\n"
    "    return [p for root in ('/mnt', '/tmp', '/run') for p in glob.glob(root + '/**/*test*', recursive=True)][:1]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_find_nothing(suite: Code, name: str) -> None:
    for number in (0, 5):
        grade = _graded(suite, HOSTILE[name], number)
        assert grade.outcome is Outcome.WRONG, grade


def test_without_a_sandbox_nothing_is_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise SandboxError("no sandbox here")

    monkeypatch.setattr(code_module, "choose_rung", refuse)
    grade = _graded(Code(GeneratedOptions(size=4)), "def solve(values):\n    return 1")
    assert grade.outcome is Outcome.UNGRADED
    assert "no sandbox here" in grade.reason


def test_what_is_shown_gives_no_test_away(suite: Code) -> None:
    for sample in suite.samples():
        shown, _ = sample.data["example"]  # type: ignore[misc]
        assert shown not in [values for values, _ in sample.data["tests"]]  # type: ignore[attr-defined]


def test_the_source_says_what_is_told() -> None:
    for sample in Code(GeneratedOptions(size=200)).samples():
        namespace: dict[str, Any] = {}
        exec(_source(sample), namespace)
        for values, right in [*sample.data["tests"], sample.data["example"]]:  # type: ignore[misc]
            before = list(values)
            assert namespace["solve"](list(values)) == right
            assert values == before
