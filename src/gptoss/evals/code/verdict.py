"""What became of a program: passed, or by which test and why it did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gptoss.evals.grade import Grade


class Verdict(StrEnum):
    """How a program ended; all but `PASSED` are its own fault."""

    PASSED = "passed"
    WRONG = "wrong answer"
    ERROR = "runtime error"
    TIME = "time limit"
    MEMORY = "memory limit"
    OUTPUT = "output limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict of the first test that a program does not pass, or that it passes all.

    test  its number from 1; that of the last one where all are passed
    said  why, in a line; of the program's own words, so not to be believed
    """

    verdict: Verdict
    test: int
    of: int
    said: str = ""

    def grade(self, code: str) -> Grade:
        """The grade of the program."""
        is_passed = self.verdict is Verdict.PASSED
        reason = "" if is_passed else f"{self.verdict} on test {self.test} of {self.of}"
        if self.said:
            reason += f": {self.said}"
        details = {"verdict": str(self.verdict), "test": self.test, "of": self.of, "code": code}
        return Grade.of(is_passed, stage=str(self.verdict), reason=reason, details=details)


@dataclass(frozen=True, slots=True)
class Case:
    """A test: what goes in, and what has to come out. `function`: which is called; None: it reads and prints."""

    given: str
    wanted: str
    function: str | None = None


Cases = Sequence[Case]
