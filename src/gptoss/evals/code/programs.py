"""Tests programs: each test in a process of its own, or all as LiveCodeBench's grader has them.

What a test expects stays outside: a program that looks for it finds nothing, and one that claims to have passed has
only printed something.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from gptoss.errors import shortened
from gptoss.evals.code.compare import is_same_output
from gptoss.evals.code.verdict import Case, Cases, Judged, Verdict
from gptoss.tools.sandbox import Interruption, Limits, Output, Reason, Rung, Session

_INPUT = "/mnt/data/input"
_MIB = 1 << 20
# By the clock, more than of work: a busy machine is not the program's fault, and sleeping is no work.
_CLOCK = 5
_MOST_PRINTED = 16 * _MIB
_MOST_SAID = 200
# What LiveCodeBench puts before each program; programs for a function count on it.
IMPORTS = (
    "\n".join(
        f"from {name} import *"
        for name in (
            *(
                "string",
                "re",
                "datetime",
                "collections",
                "heapq",
                "bisect",
                "copy",
                "math",
                "random",
            ),
            *("statistics", "itertools", "functools", "operator", "io", "sys", "json", "builtins"),
            "typing",
        )
    )
    + "\nimport string, re, datetime, collections, heapq, bisect, copy, math, random, statistics, itertools, functools"
    + "\nimport operator, io, sys, json\nsys.setrecursionlimit(50000)\n"
)
_VERDICTS = {
    Reason.TIMEOUT: Verdict.TIME,
    Reason.MEMORY: Verdict.MEMORY,
    Reason.OUTPUT: Verdict.OUTPUT,
}


class Grader(StrEnum):
    """The ways to test a program."""

    SUBPROCESS = "subprocess"
    OFFICIAL = "official"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTester:
    """Tests programs on a rung. `time_limit_s`: of the processor's time, for each test."""

    rung: Rung
    grader: Grader = Grader.SUBPROCESS
    time_limit_s: float = 6.0
    memory_bytes: int = 4096 * _MIB

    def judged(self, code: str, cases: Cases, interruption: Interruption) -> Judged:
        """The verdict of the first test that fails, or that all pass. Raises SandboxError where there is none."""
        if self.grader is Grader.OFFICIAL:
            return self._emulated(code, cases, interruption)
        for number, case in enumerate(cases, 1):
            with Session(self.rung, self._limits(case)) as session:
                found = self._tested(session, _whole_cell(code, case), case, interruption)
            if found is not None:
                return replace(found, test=number, of=len(cases))
        return Judged(verdict=Verdict.PASSED, test=len(cases), of=len(cases))

    def _emulated(self, code: str, cases: Cases, interruption: Interruption) -> Judged:
        """All tests in one process, whose state each leaves to the next."""
        first = max(cases, key=lambda case: len(case.wanted))
        with Session(self.rung, self._limits(first)) as session:
            output = self._run(session, _defining_cell(code, first), interruption)
            if not output.is_good:
                return replace(_failed(output), test=1, of=len(cases))
            for number, case in enumerate(cases, 1):
                name = "feed" if case.function is None else "call"
                strict = "" if case.function is None else ", True"
                cell = f"{name}({_INPUT!r}{strict})"
                found = self._tested(session, cell, case, interruption)
                if found is not None:
                    return replace(found, test=number, of=len(cases))
        return Judged(verdict=Verdict.PASSED, test=len(cases), of=len(cases))

    def _tested(
        self, session: Session, cell: str, case: Case, interruption: Interruption
    ) -> Judged | None:
        """What is wrong with one test's run; None: nothing."""
        session.write_file(_INPUT, case.given.encode(errors="surrogatepass"))
        output = self._run(session, cell, interruption)
        if not output.is_good:
            return _failed(output)
        if case.function is not None:
            is_right, said = _is_returned(output.value, case.wanted)
        else:
            printed = _text(output.value) if self.grader is Grader.OFFICIAL else str(output.stdout)
            is_right = is_same_output(printed, case.wanted)
            said = f"printed {shortened(printed.strip(), _MOST_SAID)!r}"
        return None if is_right else Judged(verdict=Verdict.WRONG, test=0, of=0, said=said)

    def _run(self, session: Session, cell: str, interruption: Interruption) -> Output:
        return session.run(cell, cpu_s=self.time_limit_s, interruption=interruption)

    def _limits(self, case: Case) -> Limits:
        most = _MOST_PRINTED + 4 * len(case.wanted)
        return Limits(
            wall_s=_CLOCK * self.time_limit_s,
            grace_s=0.4,
            memory_bytes=self.memory_bytes,
            file_bytes=256 * _MIB,
            data_bytes=512 * _MIB,
            output_bytes=most,
            written_bytes=most,
            num_images=1,
        )


def _whole_cell(code: str, case: Case) -> str:
    if case.function is None:
        return f"{_inside('program')}\nrun({code!r}, {_INPUT!r})"
    defined = f"define({IMPORTS + code!r}, {case.function!r})"
    return f"{_inside('function')}\n{defined}\ncall({_INPUT!r}, False)"


def _defining_cell(code: str, case: Case) -> str:
    if case.function is None:
        return f"{_inside('emulation')}\ndefine({code!r}, {IMPORTS!r})"
    return f"{_inside('function')}\ndefine({IMPORTS + code!r}, {case.function!r})"


@cache
def _inside(name: str) -> str:
    return Path(__file__).with_name("inside").joinpath(f"{name}.py").read_text(encoding="utf-8")


def _failed(output: Output) -> Judged:
    verdict = _VERDICTS.get(output.reason, Verdict.ERROR)
    said = " ".join(output.notes)
    if verdict is Verdict.ERROR:
        said = str(output.stderr).strip().rpartition("\n")[2] or said
    return Judged(verdict=verdict, test=0, of=0, said=shortened(said, _MOST_SAID))


def _is_returned(value: str, wanted: str) -> tuple[bool, str]:
    """Whether a cell's value is the JSON of what a test expects, and what it is."""
    returned = _text(value)
    said = f"returned {shortened(returned, _MOST_SAID)}"
    return _is_equal(lambda: json.loads(returned), json.loads(wanted)), said


def _is_equal(read: Callable[[], object], wanted: object) -> bool:
    try:
        return bool(read() == wanted)
    except (ValueError, RecursionError):
        return False


def _text(value: str) -> str:
    """A string by its echo, which comes from inside and may be anything."""
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""
