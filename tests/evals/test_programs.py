"""Programs with known verdicts, by both graders, and where these are known to differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gptoss.errors import SandboxError
from gptoss.evals.code.compare import is_same_output
from gptoss.evals.code.programs import Grader, ProgramTester
from gptoss.evals.code.verdict import Case, Verdict
from gptoss.evals.data.packed import unpacked
from gptoss.tools.sandbox import Interruption, Rung, RungName, choose_rung
from tests.evals.players import DATA

_FOLDER = DATA / "livecodebench"
PROBLEMS = {
    row["question_id"]: row
    for row in map(json.loads, (_FOLDER / "test.jsonl").read_text().splitlines())
}
ANSWERS = list(map(json.loads, (_FOLDER / "answers.jsonl").read_text().splitlines()))
# Right programs that LiveCodeBench's own grader fails, by what it says of them.
DEFECTS = {"own04": "not iterable", "own12": "unsupported operand"}


def _cases(name: str) -> list[Case]:
    row = PROBLEMS[name]
    function = json.loads(row["metadata"]).get("func_name")
    tests = [*unpacked(row["public_test_cases"]), *unpacked(row["private_test_cases"])]
    return [Case(each["input"], each["output"], function) for each in tests]


def judged(grader: Grader, code: str, *cases: Case, time_limit_s: float = 6) -> Any:
    tester = ProgramTester(rung=choose_rung(), grader=grader, time_limit_s=time_limit_s)
    return tester.judged(code, cases, Interruption())


@pytest.mark.parametrize("grader", list(Grader))
@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: row["id"])
@pytest.mark.wide(2)
def test_right_programs_pass_and_wrong_ones_do_not(row: dict[str, str], grader: Grader) -> None:
    cases = _cases(row["id"])
    found = judged(grader, row["right"], *cases)
    if grader is Grader.OFFICIAL and row["id"] in DEFECTS:
        assert found.verdict is Verdict.ERROR
        assert DEFECTS[row["id"]] in found.said
    else:
        assert found.verdict is Verdict.PASSED, found
        assert found.test == found.of == len(cases)
    wrong = judged(grader, row["wrong"], *cases)
    assert wrong.verdict in (Verdict.WRONG, Verdict.ERROR)


@pytest.mark.parametrize(
    ("code", "given", "wanted", "by_official"),
    [
        ("n = 0\ndef f():\n    global n\n    n += 1\nf()\nprint(n)", "", "1", Verdict.ERROR),
        ("import sys\nprint(len(sys.stdin.readlines()[0]))", "ab\ncd\n", "3", Verdict.WRONG),
        (
            "import sys\nread = sys.stdin.buffer.readline\nread()\nprint(read().decode().strip())",
            "first\nsecond\n",
            "second",
            Verdict.WRONG,
        ),
        ("import sys\nfor line in sys.stdin: print(line.strip())", "a\nb\n", "a\nb", Verdict.ERROR),
        ("a = input()\nb = input()\nprint(b)", "\nb\n", "b", Verdict.ERROR),
        ("import sys\nsys.stdout.buffer.write(b'x')", "", "x", Verdict.ERROR),
        ("import sys\nprint(open(0).read())", "a\n", "a", Verdict.WRONG),
        ("print(math.floor(2.5))", "", "2", Verdict.PASSED),
        ("import sys\nsys.exit(3)", "", "", Verdict.PASSED),
        ("import atexit\natexit.register(print, 'late')", "", "late", Verdict.WRONG),
        ("def f(x):\n    return x\nprint(f(1))", "", "1", Verdict.PASSED),
    ],
)
def test_the_graders_differ_where_the_guide_says_so(
    code: str, given: str, wanted: str, by_official: Verdict
) -> None:
    by_process = judged(Grader.SUBPROCESS, code, Case(given, wanted)).verdict
    # Without its imports a program is none, and one that ends with 3 has failed.
    fails = code.startswith("print(math") or "exit(3)" in code
    assert by_process is (Verdict.ERROR if fails else Verdict.PASSED)
    assert judged(Grader.OFFICIAL, code, Case(given, wanted)).verdict is by_official


@pytest.mark.parametrize(
    "code",
    [
        "print(input('? ').upper())",
        "import sys\nprint('? ' + sys.stdin.readline().strip().upper())",
        "import os\nprint('?', os.read(0, 99).decode().strip().upper())",
        "import sys, os\nprint('?', sys.stdin.buffer.read().decode().strip().upper(), flush=True)\nos._exit(0)",
        "import threading\ndef late():\n    import time\n    time.sleep(0.3)\n    print('?', input().upper())\n"
        "threading.Thread(target=late).start()",
        "import atexit\natexit.register(lambda: print('?', input().upper()))",
        "import sys\nprint('?', input().upper())\nsys.exit()",
        "from dataclasses import dataclass\nimport pickle\n@dataclass\nclass P:\n    x: str\n"
        "print('?', pickle.loads(pickle.dumps(P(input().upper()))).x)",
        "import asyncio\nasync def main():\n    print('?', input().upper())\nasyncio.run(main())",
        "import sys\nsys.setrecursionlimit(10 ** 6)\ndef f(n):\n    return n and f(n - 1)\nf(50000)\n"
        "print('?', input().upper())",
        "if __name__ == '__main__':\n    print('?', input().upper())",
        "exec('print(\"?\", input().upper())')",
    ],
)
def test_programs_run_as_they_would_by_themselves(code: str) -> None:
    assert judged(Grader.SUBPROCESS, code, Case("abc\n", "? ABC")).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("code", "verdict", "said"),
    [
        ("def", Verdict.ERROR, "SyntaxError"),
        ("1 / 0", Verdict.ERROR, "ZeroDivisionError"),
        ("import nothing_like_it", Verdict.ERROR, "ModuleNotFoundError"),
        ("input(); input()", Verdict.ERROR, "EOFError"),
        ("import sys; sys.exit('no')", Verdict.ERROR, "SystemExit: no"),
        ("", Verdict.WRONG, "printed ''"),
        ("print('B' * 9999)", Verdict.WRONG, "BBB...BBB"),
    ],
)
def test_a_verdict_says_why(code: str, verdict: Verdict, said: str) -> None:
    found = judged(Grader.SUBPROCESS, code, Case("a\n", "b"), Case("c\n", "d"))
    assert (found.verdict, found.test, found.of) == (verdict, 1, 2)
    assert said in found.said
    assert len(found.said) < 300


@pytest.mark.parametrize(
    ("returns", "wanted", "verdicts"),
    [
        ("(1, 2)", "[1, 2]", ("passed", "passed")),
        ("[(1, 2)]", "[[1, 2]]", ("passed", "wrong answer")),
        ("2", "2.0", ("passed", "passed")),
        ("0.1 + 0.2", "0.3", ("wrong answer", "wrong answer")),
        ("True", "1", ("passed", "passed")),
        ("'1'", "1", ("wrong answer", "wrong answer")),
        ("{1: 2}", '{"1": 2}', ("runtime error", "runtime error")),
        ("None", "null", ("passed", "passed")),
        ("{1, 2}", "[1, 2]", ("runtime error", "runtime error")),
        ("float('nan')", "0", ("wrong answer", "wrong answer")),
        ("__import__('numpy').int64(3)", "3", ("passed", "passed")),
        ("object()", "3", ("runtime error", "runtime error")),
        ("exit()", "3", ("runtime error", "runtime error")),
        ("print('3')", "3", ("wrong answer", "wrong answer")),
    ],
)
def test_results_of_functions_are_compared_as_values(
    returns: str, wanted: str, verdicts: tuple[str, str]
) -> None:
    code = f"class Solution:\n    def f(self, n: int) -> List[int]:\n        return {returns}"
    found = tuple(str(judged(each, code, Case("1", wanted, "f")).verdict) for each in Grader)
    if returns == "exit()":
        # An exit is an end without a value.
        assert set(found) <= {"runtime error", "wrong answer"}
    else:
        assert found == verdicts


@pytest.mark.parametrize(
    ("printed", "expected", "is_same"),
    [
        ("1 2\n3\n", "1 2\n3", True),
        ("  1 2  \n 3 ", "1 2\n3", True),
        ("1  2", "1 2", True),
        ("1.0", "1", True),
        ("1.00 2e0", "1 2", True),
        ("0.1", "0.10000000000000001", False),
        ("50000000000000000", "50000000000000001", False),
        ("1\n\n2", "1\n2", False),
        ("1 2", "1\n2", False),
        ("yes", "YES", False),
        ("nan", "nan", True),
        ("1 nan", "1  nan", False),
        ("", "", True),
        ("\n\n", "", True),
        ("a", "", False),
        ("1e999999999", "1", False),
    ],
)
def test_output_is_compared_line_by_line_and_numbers_as_decimals(
    printed: str, expected: str, is_same: bool
) -> None:
    assert is_same_output(printed, expected) is is_same


def test_each_test_has_a_process_of_its_own_or_all_have_one() -> None:
    code = "import sys, os\nsys.modules.setdefault('mark', type(sys)('mark'))\nm = sys.modules['mark']\n"
    code += "m.n = getattr(m, 'n', 0) + 1\nprint(m.n)"
    cases = [Case("", "1"), Case("", "1")]
    assert judged(Grader.SUBPROCESS, code, *cases).verdict is Verdict.PASSED
    found = judged(Grader.OFFICIAL, code, *cases)
    assert (found.verdict, found.test, found.said) == (Verdict.WRONG, 2, "printed '2'")


def test_a_limit_is_of_each_test_and_not_of_all() -> None:
    code = "import time\nbegan = time.process_time()\nwhile time.process_time() < began + 0.4: pass\nprint(1)"
    for grader in Grader:
        found = judged(grader, code, *[Case("", "1")] * 4, time_limit_s=1)
        assert found.verdict is Verdict.PASSED


def test_a_sandbox_that_cannot_be_built_is_no_verdict() -> None:
    tester = ProgramTester(rung=Rung(RungName.BUBBLEWRAP, "/nowhere/bwrap"))
    with pytest.raises(SandboxError):
        tester.judged("print(1)", [Case("", "1")], Interruption())
