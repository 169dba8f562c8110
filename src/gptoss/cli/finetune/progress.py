"""How far fine-tuning is: a bar over all layers of all steps in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType

from gptoss.cli.notice import notice
from gptoss.cli.output import progress_bar
from gptoss.train.tuning.trainer import StepReport, Trainer

_LINE_S = 30.0


class Stopped(Exception):
    """The run was asked to end; `by`: the signal."""

    def __init__(self, by: int) -> None:
        super().__init__(by)
        self.by = by


class TuningProgress:
    """Watches a run, and ends it at the next layer where SIGINT or SIGTERM asked for it."""

    def __init__(self, layers_each: int) -> None:
        """`layers_each`: layers of the passes of a step, in both directions."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        self._layers_each = layers_each
        self._asked: int | None = None
        self._said = self._began = time.monotonic()
        self._tokens_before = 0
        self._held_out = ""
        self._bar = progress_bar(
            TextColumn("steps"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[told]}", markup=False),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task("", total=None, told="")

    def begin(self, trainer: Trainer) -> None:
        """Show where the run stands."""
        self._tokens_before = trainer.progress.tokens
        self._bar.update(self._task, total=trainer.steps, completed=trainer.progress.step)

    def __enter__(self) -> TuningProgress:
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        self._asked = number

    def layer_done(self) -> None:
        """Let the bar move within a step, which may take minutes."""
        if self._asked is not None:
            raise Stopped(self._asked)
        self._bar.advance(self._task, 1 / self._layers_each)

    def stepped(self, report: StepReport) -> None:
        """Tell loss and speed."""
        now = time.monotonic()
        speed = (report.tokens - self._tokens_before) / (now - self._began)
        told = f"loss {report.loss:.3f}{self._held_out}, {speed:,.0f} tok/s"
        self._bar.update(self._task, completed=report.step, told=told)
        if self._bar.disable and (now - self._said >= _LINE_S or report.step == report.steps):
            self._said = now
            notice(f"step {report.step:,} of {report.steps:,}: {told}")

    def evaluated(self, loss: float, *, is_best: bool) -> None:
        """Tell the held-out loss."""
        self._held_out = f", held out {loss:.3f}{'' if is_best else ' (not the best)'}"
