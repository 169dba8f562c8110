"""Tests the steps of SciCode's problems, in the sandbox and by a Python that has what they import.

A step's tests are code, as the benchmark has them, and run in the process of the step. Each test comes there with its
target only when the program stands, and its end is known by a word that it is given then. A function that searched its
caller's frames could find both; a program that ends early, or replaces nothing but itself, gains nothing.
"""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from gptoss.errors import SandboxError, shortened
from gptoss.evals.code.verdict import Judged, Verdict
from gptoss.tools.sandbox import (
    Interpreter,
    Interruption,
    Limits,
    Output,
    Reason,
    Rung,
    Session,
)

_MIB = 1 << 20
_TARGET = "/mnt/data/target"
_PREPARED_S = 300.0
_MOST_SAID = 200
# By the clock, more than of work.
_CLOCK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTester:
    """Tests steps by their targets in an HDF5 file.

    `time_limit_s` is of the processor's time, for all tests of a step together.
    """

    rung: Rung
    interpreter: Interpreter
    targets: Path
    time_limit_s: float = 1800.0
    memory_bytes: int = 4096 * _MIB

    def failed_imports(self, lines: Sequence[str]) -> Mapping[str, str]:
        """Which of these lines of imports fail, and why. Raises SandboxError."""
        code = (
            f"failed = {{}}\nfor line in {list(lines)!r}:\n    try:\n        exec(line, {{}})\n"
            "    except BaseException as error:\n        failed[line] = f'{type(error).__name__}: {error}'\n"
            "__import__('json').dumps(failed)"
        )
        with Session(self.rung, self._limits(), self.interpreter) as session:
            output = session.run(code, timeout_s=_PREPARED_S)
        found = json.loads(_text(output.value) or "null") if output.is_good else None
        if not isinstance(found, dict):
            raise SandboxError(f"its Python cannot try imports: {output.text(_MOST_SAID)}")
        return {str(line): str(reason) for line, reason in found.items()}

    def judged(
        self, program: str, step: str, tests: Sequence[str], interruption: Interruption
    ) -> Judged:
        """The verdict of a step. Raises SandboxError, also where there is no target."""
        targets = self._targets(step, len(tests), interruption)
        with Session(self.rung, self._limits(), self.interpreter) as session:
            left = self.time_limit_s
            cell = f"{_inside('steps')}\ndefine({program!r}, {_inside('closeness')!r})"
            output = self._run(session, cell, left, interruption)
            if not output.is_good:
                return _failed(output, 1, len(tests))
            for number, (test, target) in enumerate(zip(tests, targets, strict=True), 1):
                left -= output.duration_s
                word = secrets.token_hex(16)
                session.write_file(_TARGET, target)
                cell = f"check({test!r}, {_TARGET!r}, {word!r})"
                output = self._run(session, cell, max(left, 0.1), interruption)
                if not output.is_good or _text(output.value) != word:
                    return _failed(output, number, len(tests))
        return Judged(verdict=Verdict.PASSED, test=len(tests), of=len(tests))

    def _targets(self, step: str, count: int, interruption: Interruption) -> list[bytes]:
        """Targets as they were pickled, by a process that never runs anything of an answer; never opened here."""
        reads = replace(self.interpreter, own=(*self.interpreter.own, str(self.targets)))
        call = f"gather({str(self.targets)!r}, {step!r}, {count}, {_TARGET!r})"
        with Session(self.rung, self._limits(), reads) as session:
            output = session.run(
                f"{_inside('targets')}\n{call}", timeout_s=_PREPARED_S, interruption=interruption
            )
            if not output.is_good or output.value != str(count):
                why = str(output.stderr).strip().rpartition("\n")[2] or "it has too few"
                raise SandboxError(f"{self.targets.name} gives no targets of step {step}: {why}")
            most = self._limits().file_bytes
            return [session.read_file(f"{_TARGET}{number}", most) for number in range(count)]

    def _run(
        self, session: Session, cell: str, left_s: float, interruption: Interruption
    ) -> Output:
        return session.run(cell, timeout_s=_CLOCK * left_s, cpu_s=left_s, interruption=interruption)

    def _limits(self) -> Limits:
        return Limits(
            wall_s=max(_PREPARED_S, _CLOCK * self.time_limit_s),
            grace_s=0.4,
            cpu_s=int(_CLOCK * self.time_limit_s + _PREPARED_S),
            memory_bytes=self.memory_bytes,
            file_bytes=512 * _MIB,
            data_bytes=1024 * _MIB,
            num_images=1,
        )


@cache
def _inside(name: str) -> str:
    return Path(__file__).with_name("inside").joinpath(f"{name}.py").read_text(encoding="utf-8")


def _failed(output: Output, test: int, of: int) -> Judged:
    said = str(output.stderr).strip().rpartition("\n")[2] or " ".join(output.notes)
    verdict = {
        Reason.TIMEOUT: Verdict.TIME,
        Reason.MEMORY: Verdict.MEMORY,
        Reason.OUTPUT: Verdict.OUTPUT,
    }.get(output.reason, Verdict.ERROR)
    if output.is_good:
        said = "it ended before its tests did"
    elif verdict is Verdict.ERROR and said.startswith("AssertionError"):
        verdict = Verdict.WRONG
    return Judged(verdict=verdict, test=test, of=of, said=shortened(said, _MOST_SAID))


def _text(value: str) -> str:
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""
