"""How far a run is: a bar with the score so far and its interval in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from gptoss.cli.notice import notice
from gptoss.cli.output import progress_bar
from gptoss.evals.grade import Item, Outcome
from gptoss.evals.question import Answer
from gptoss.evals.statistics import mean_score

if TYPE_CHECKING:
    from rich.progress import Progress

# Between two looks at the score, and between two lines where nobody can be shown a bar.
_SCORE_S, _LINE_S = 0.5, 30.0
_MOST_TOLD = 3


class RunProgress:
    """Hears of a run, and shows plays done of plays in all, score, tokens a second and the time left."""

    def __init__(self, name: str, total: int, num_done: int) -> None:
        self._name, self._total, self._done, self._begun = name, total, 0, num_done
        self._scores: list[float] = []
        self._clusters: list[str] = []
        self._num_ungraded = self._num_failed = self._num_tokens = 0
        self._began = time.monotonic()
        self._looked = self._said = 0.0
        self._bar = _bar(name)
        # The time left is that of plays which are still to be made.
        self._task = self._bar.add_task("", total=total, completed=num_done, score="", speed="")

    def __enter__(self) -> RunProgress:
        self._bar.start()
        self._said = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def answered(self, answer: Answer) -> None:
        """Count its tokens."""
        self._num_tokens += answer.usage.completion_tokens
        self._show()

    def played(self, items: Sequence[Item]) -> None:
        """Count its items."""
        self._done += 1
        for item in items:
            if item.grade.outcome is Outcome.UNGRADED:
                self._num_ungraded += 1
                if self._num_ungraded <= _MOST_TOLD:
                    notice(f"{item.id} is not graded: {item.grade.reason}")
            else:
                self._scores.append(item.grade.score)
                self._clusters.append(item.cluster)
        self._show(is_last=self._done == self._total)

    def failed(self, sample: str, reason: str) -> None:
        """Say the first ones, and count them all."""
        self._num_failed += 1
        if self._num_failed <= _MOST_TOLD:
            notice(f"{sample} was not answered: {reason}")

    def _show(self, *, is_last: bool = False) -> None:
        now = time.monotonic()
        if now - self._looked < _SCORE_S and not is_last:
            return
        self._looked = now
        score, speed = self._told_score(), f"{self._num_tokens / (now - self._began):,.0f} tok/s"
        done = max(self._done, self._begun)
        self._bar.update(self._task, completed=done, score=score, speed=speed)
        if self._bar.disable and now - self._said >= _LINE_S:
            self._said = now
            notice(f"{self._name}: {done:,} of {self._total:,}, {score}, {speed}")

    def _told_score(self) -> str:
        told = [str(mean_score(self._scores, self._clusters))] if self._scores else []
        told += [f"{self._num_ungraded:,} ungraded"] if self._num_ungraded else []
        told += [f"{self._num_failed:,} not answered"] if self._num_failed else []
        return ", ".join(told)


def _bar(name: str) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    return progress_bar(
        TextColumn(name, markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[score]}", markup=False),
        TextColumn("{task.fields[speed]}", markup=False),
        TimeRemainingColumn(),
    )
