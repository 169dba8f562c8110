"""Lets each kind of log line through so often, and says how many were left out."""

from __future__ import annotations

import logging
import time

# Lines of one kind in a minute. A line for each request is what an operator looks for; warnings and tracebacks
# come again and again from one cause.
_MAX_INFOS = 1200
_MAX_WARNINGS = 10
_PERIOD_S = 60.0
# What made a line: where it is written, and for an error, what it is and where it was raised.
_Kind = tuple[str, int, str, int]


class LogRate(logging.Filter):
    """Limits how often lines of one kind are written. No client can fill a disk with lines that it causes."""

    def __init__(self) -> None:
        super().__init__()
        # No text of a line is in a kind: there are only as many as there is code.
        self._periods: dict[_Kind, _Period] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written. Says of the last one in a minute that more are left out, and later how many."""
        most = _MAX_INFOS if record.levelno < logging.WARNING else _MAX_WARNINGS
        period = self._periods.setdefault(_kind(record), _Period())
        notes = []
        if period.is_over:
            if period.num > most:
                notes.append(f"{period.num - most:,} lines of this kind were left out before")
            period.begin()
        period.num += 1
        if period.num == most:
            notes.append("more of this kind are left out for a minute")
        if notes:
            record.msg = f"{record.getMessage()} ({'; '.join(notes)})"
            record.args = ()
        return period.num <= most


class _Period:
    """A minute, and the lines of one kind in it."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin another one now."""
        self.num = 0
        self._since = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the next line belongs to another one."""
        return time.monotonic() - self._since >= _PERIOD_S


def _kind(record: logging.LogRecord) -> _Kind:
    raised, line = "", 0
    if record.exc_info and record.exc_info[0] is not None:
        raised, trace = record.exc_info[0].__name__, record.exc_info[2]
        while trace is not None:
            line, trace = trace.tb_lineno, trace.tb_next
    return record.pathname, record.lineno, raised, line
