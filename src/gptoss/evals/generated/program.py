"""Small programs put together from steps: what they do in words, their source, and what they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.program_steps import (
    NUMBER_ENDS,
    NUMBER_STEPS,
    WORD_ENDS,
    WORD_STEPS,
    Step,
    Values,
)
from gptoss.evals.generated.vocabulary import PLAIN_WORDS

_FAMILIES = {"numbers": (NUMBER_STEPS, NUMBER_ENDS), "words": (WORD_STEPS, WORD_ENDS)}
_TESTS = 12
# Of the results of the tests: with fewer different ones, a program that does little would pass.
_FEWEST_DIFFERENT = 7


@dataclass(frozen=True, slots=True)
class Program:
    """A function of a list.

    told     what it does, step by step
    source   Python that does it
    tests    arguments, and what it returns for each
    example  of both, to be shown
    """

    told: str
    source: str
    tests: list[tuple[Values, Any]]
    example: tuple[Values, Any]


def draw_program(draws: Draws, family: str, count: int) -> Program:
    """A program of so many steps, the last of which returns something."""
    steps, ends = _FAMILIES[family]
    inputs = [_values(draws, family, size) for size in (0, 1, 2, *range(3, _TESTS + 1))]
    while True:
        chosen = [*draws.some_of(steps, count - 1), draws.one_of(ends)]
        numbers = [draws.between(step.low, step.high) for step in chosen]
        results = [_result(chosen, numbers, values) for values in inputs]
        tests = list(zip(inputs[:-1], results[:-1], strict=True))
        if _tells(tests, family):
            return Program(
                _told(chosen, numbers), _source(chosen, numbers), tests, (inputs[-1], results[-1])
            )


def _values(draws: Draws, family: str, size: int) -> Values:
    if family == "words":
        return [draws.one_of(PLAIN_WORDS) for _ in range(size)]
    # So close that some are there twice.
    return [draws.between(-30, 60) for _ in range(size)]


def _result(steps: Sequence[Step], numbers: Sequence[int], values: Values) -> Any:
    for step, number in zip(steps, numbers, strict=True):
        values = step.run(values, number)
    return values


def _tells(tests: Sequence[tuple[Values, Any]], family: str) -> bool:
    """Whether the tests tell it from programs that do nothing or always the same."""
    results = [str(result) for _, result in tests]
    is_idle = sum(values == result for values, result in tests) > 2
    return len(set(results)) >= _FEWEST_DIFFERENT and not is_idle


def _told(steps: Sequence[Step], numbers: Sequence[int]) -> str:
    lines = (
        f"{place}. {step.told.format(n=number)}"
        for place, (step, number) in enumerate(zip(steps, numbers, strict=True), 1)
    )
    return "\n".join(lines)


def _source(steps: Sequence[Step], numbers: Sequence[int]) -> str:
    *done, last = [
        step.source.format(n=number) for step, number in zip(steps, numbers, strict=True)
    ]
    lines = ["def solve(values):", *(f"    values = {each}" for each in done), f"    return {last}"]
    return "\n".join(lines) + "\n"
