"""No client fills the disk with lines."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from gptoss.server.log_rate import LogRate


class Log:
    """A logger with a rate, what it has written, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._written = io.StringIO()
        self.logger = logging.Logger("of a test")
        handler = logging.StreamHandler(self._written)
        handler.addFilter(LogRate())
        self.logger.addHandler(handler)

    def monotonic(self) -> float:
        return self.now

    @property
    def lines(self) -> list[str]:
        return self._written.getvalue().splitlines()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr("gptoss.server.log_rate.time", made)
    return made


def warn(log: Log, *what: Any) -> None:
    log.logger.warning("there is %s", *what)


def fail(log: Log, error: type[Exception]) -> None:
    try:
        raise error("an inner word")
    except error:
        log.logger.exception("it failed")


def test_lines_of_one_kind(log: Log) -> None:
    """Whatever is in them."""
    for index in range(1000):
        warn(log, f"number {index}\n" * 20)
    assert sum("there is" in line for line in log.lines) == 10
    assert "more of this kind are left out for a minute" in log.lines[-1]
    log.now += 59
    warn(log, "one more")
    assert "one more" not in log.lines[-1]
    log.now += 2
    warn(log, "another")
    assert log.lines[-1] == "there is another (991 lines of this kind were left out before)"
    warn(log, "a plain one")
    assert log.lines[-1] == "there is a plain one"


def test_kinds_do_not_share(log: Log) -> None:
    for _ in range(1000):
        warn(log, "a")
        fail(log, ValueError)
        fail(log, KeyError)
    assert sum(line.startswith("there is") for line in log.lines) == 10
    assert sum(line.startswith("ValueError") for line in log.lines) == 10
    assert sum(line.startswith("KeyError") for line in log.lines) == 10


def test_a_line_for_each_request_is_let_through_more_often(log: Log) -> None:
    for index in range(3000):
        log.logger.info("request id=%d", index)
    assert len(log.lines) == 1200
    assert log.lines[0] == "request id=0"


def test_few_lines_are_left_alone(log: Log) -> None:
    for index in range(100):
        warn(log, index)
        log.now += 7
    assert log.lines == [f"there is {index}" for index in range(100)]
