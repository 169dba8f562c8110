"""Runs of evaluations: their figures, their report, and two of them compared."""

from __future__ import annotations

from dataclasses import replace

from gptoss.evals.play import Play
from gptoss.evals.report import (
    Comparison,
    Evaluated,
    Side,
    Summary,
    compare,
    compared_files,
    summarise,
    written,
)
from tests.evals.made_plays import FACTS, plays
from tests.growth.case import Case


def _alike(size: int) -> list[Play]:
    return plays(size, 2)


def _each_otherwise(size: int) -> list[Play]:
    """Of another category, stage and finish reason in each sample, as hostile data and servers may have them."""
    made = []
    for play in plays(size, 1):
        (item,), (exchange,) = play.items, play.exchanges
        grade = replace(item.grade, stage=play.sample)
        answer = replace(exchange.answer, finish_reason=play.sample)
        made.append(
            replace(
                play,
                items=(replace(item, grade=grade, category={"topic": play.sample}),),
                exchanges=(replace(exchange, answer=answer, effort=play.sample),),
            )
        )
    return made


def _summary(size: int) -> Summary:
    return summarise(_each_otherwise(size))


def _write(summary: Summary) -> None:
    written([Evaluated(FACTS, summary)])


def _compare(given: list[Play]) -> Comparison:
    sides = [Side(name=name, settings={"suite": "s"}, plays=given) for name in "ab"]
    return compare(*sides)


def _comparison(size: int) -> Comparison:
    return _compare(_each_otherwise(size))


CASES = (
    Case("plays summed up", _alike, summarise, 60),
    Case("plays that are each otherwise", _each_otherwise, summarise, 60),
    Case("a report of many categories", _summary, _write, 60),
    Case("two runs compared", _each_otherwise, _compare, 60),
    Case("a comparison written", _comparison, lambda found: compared_files([found]), 60),
)
