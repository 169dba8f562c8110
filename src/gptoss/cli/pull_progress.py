"""How far a pull is: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from gptoss.cli.notice import notice
from gptoss.cli.output import progress_bar
from gptoss.files.sizes import disk_size

if TYPE_CHECKING:
    from rich.progress import Progress

# Where nobody can be shown a bar: a line for each of so many parts, but no more than one in so many seconds.
_PARTS, _BETWEEN_S = 10, 5.0


class PullProgress:
    """Shows bytes done of bytes in all, and the time left."""

    def __init__(self, verb: str, total: int) -> None:
        self._verb, self._total, self._done = verb, total, 0
        self._bar = _bar(verb)
        self._task = self._bar.add_task("", total=total)
        self._said_part, self._said_at = 0, time.monotonic()

    def __enter__(self) -> PullProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def moved(self, num_bytes: int) -> None:
        """So many bytes more are here; fewer, if it is negative."""
        self._done += num_bytes
        self._bar.update(self._task, completed=self._done)
        now, part = time.monotonic(), _PARTS * self._done // max(1, self._total)
        is_time = now - self._said_at >= _BETWEEN_S
        if self._bar.disable and is_time and part != self._said_part:
            self._said_part, self._said_at = part, now
            notice(f"{self._verb} {disk_size(self._done)} of {disk_size(self._total)}")

    def said(self, text: str) -> None:
        """A line above the bar."""
        notice(text)


def _bar(verb: str) -> Progress:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return progress_bar(
        TextColumn(verb),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
