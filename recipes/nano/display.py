"""How a training run shows itself: a bar in a terminal, lines in a log, and validation results in a file."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gptoss.train.loop import Progress as TrainingProgress


class Display:
    """Where a run stands, for whoever looks."""

    def __init__(self, total_tokens: int, validation_file: Path) -> None:
        self._console = Console()
        self._file = validation_file
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.percentage:.0f}%  {task.description}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total_tokens)

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, progress: TrainingProgress, loss: float) -> None:
        """The loss now."""
        speed = progress.tokens / progress.seconds
        text = f"{progress.tokens:,} tokens  loss {loss:.4f}  {speed:.0f} tokens/s"
        self._bar.update(self._task, completed=progress.tokens, description=text)
        if self._bar.disable:
            print(text, flush=True)

    def show_validation(
        self, progress: TrainingProgress, results: dict[str, tuple[float, float]]
    ) -> None:
        """By level and digits: greedy accuracy of the whole trace, and its probability at temperature 1."""
        is_new = not self._file.exists()
        with self._file.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(("tokens", "sums", "greedy", "probability"))
            for name, (greedy, probability) in results.items():
                writer.writerow((progress.tokens, name, f"{greedy:.4f}", f"{probability:.4f}"))
        line = "  ".join(f"{name} {greedy:.0%}" for name, (greedy, _) in results.items())
        self._console.print(f"held-out sums, greedy: {line}", highlight=False, soft_wrap=True)
