"""Sums and what else has one number as its answer, by digits or steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gptoss.evals.generated.draws import Draws

# Different tasks of a cell of one digit that are taken, of some forty at least, and how many more a digit brings.
_ROOM, _ROOM_A_DIGIT = 20, 30
_MOST_ATTEMPTS = 1000
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of task and how hard it is: digits of its numbers, or steps."""

    kind: str
    level: int

    def with_room(self, turn: int) -> Cell:
        """The same kind, harder where so many tasks were drawn before that there are hardly others."""
        cell = self
        while turn >= _ROOM * _ROOM_A_DIGIT ** (cell.level - 1):
            cell = Cell(cell.kind, cell.level + 1)
        return cell

    @property
    def category(self) -> dict[str, str]:
        """As a report groups."""
        what = "step" if self.kind == "chain" else "digit"
        difficulty = f"{self.kind}, {self.level} {what}{'s' * (self.level != 1)}"
        return {"kind": self.kind, "difficulty": difficulty}


def draw_task(cell: Cell, draws: Draws) -> tuple[str, int]:
    """A question and its answer, which is none of the numbers in the question."""
    for _ in range(_MOST_ATTEMPTS):
        text, answer = _KINDS[cell.kind](cell.level, draws)
        if str(abs(answer)) not in _DIGITS.findall(text):
            return text, answer
    raise AssertionError("most answers are no number of their question")


def _sum(digits: int, draws: Draws) -> tuple[str, int]:
    a, b = draws.digits(digits), draws.digits(digits)
    return f"What is {a} + {b}?", a + b


def _difference(digits: int, draws: Draws) -> tuple[str, int]:
    b, a = sorted((draws.digits(digits), draws.digits(digits)))
    return f"What is {a} - {b}?", a - b


def _product(digits: int, draws: Draws) -> tuple[str, int]:
    a, b = draws.digits(digits), draws.digits(digits)
    return f"What is {a} * {b}?", a * b


def _chain(steps: int, draws: Draws) -> tuple[str, int]:
    """Operations one inside the other, of which at most two multiply so that the result stays readable."""
    value = draws.between(11, 99)
    text, products = str(value), 0
    for step in range(steps):
        sign = draws.one_of("+-*" if products < 2 else "+-")
        other = draws.between(2, 9) if sign == "*" else draws.between(11, 99)
        products += sign == "*"
        value = {"+": value + other, "-": value - other, "*": value * other}[sign]
        text = f"({text} {sign} {other})" if step < steps - 1 else f"{text} {sign} {other}"
    return f"What is {text}?", value


def _remainder(digits: int, draws: Draws) -> tuple[str, int]:
    divisor = draws.digits(digits)
    number = divisor * draws.between(11, 99) + draws.between(divisor // 10, divisor - 1)
    return f"What is the remainder when {number} is divided by {divisor}?", number % divisor


_UNITS = (
    ("metres", "kilometres", 1000),
    ("grams", "kilograms", 1000),
    ("seconds", "hours", 3600),
    ("minutes", "days", 1440),
    ("centimetres", "metres", 100),
    ("months", "years", 12),
)


def _units(digits: int, draws: Draws) -> tuple[str, int]:
    small, large, factor = draws.one_of(_UNITS)
    many, few = draws.digits(digits), draws.between(2, factor - 1)
    text = f"How many {small} are {many} {large} and {few} {small} together?"
    return text, many * factor + few


def _range(digits: int, draws: Draws) -> tuple[str, int]:
    numbers = [draws.digits(digits) for _ in range(6)]
    listed = ", ".join(map(str, numbers))
    text = (
        f"What is the difference between the largest and the smallest of these numbers: {listed}?"
    )
    return text, max(numbers) - min(numbers)


_KINDS: dict[str, Callable[[int, Draws], tuple[str, int]]] = {
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "chain": _chain,
    "remainder": _remainder,
    "units": _units,
    "range": _range,
}
