"""Steps that small programs are made of: as they are told, as Python has them, and done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

Values = list[Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to `values`.

    told, source  with `{n}` where a number stands, if it needs one
    run           does it
    low, high     of that number
    """

    told: str
    source: str
    run: Callable[[Values, int], Any]
    low: int = 0
    high: int = 0


def _digit_sum(number: int) -> int:
    return sum(map(int, str(abs(number))))


NUMBER_STEPS = (
    Step("keep only the numbers that {n} divides", "[x for x in values if x % {n} == 0]",
         lambda values, n: [x for x in values if x % n == 0], 2, 4),
    Step("keep only the numbers above {n}", "[x for x in values if x > {n}]",
         lambda values, n: [x for x in values if x > n], -20, 20),
    Step("remove every number that {n} divides", "[x for x in values if x % {n}]",
         lambda values, n: [x for x in values if x % n], 2, 5),
    Step("multiply each number by {n}", "[x * {n} for x in values]", lambda values, n: [x * n for x in values], 2, 9),
    Step("add {n} to each number", "[x + {n} for x in values]", lambda values, n: [x + n for x in values], 3, 50),
    Step("replace each number by its square", "[x * x for x in values]", lambda values, _: [x * x for x in values]),
    Step("replace each number by its distance from {n}", "[abs(x - {n}) for x in values]",
         lambda values, n: [abs(x - n) for x in values], 2, 30),
    Step("replace each number by the sum of its decimal digits, without its sign",
         "[sum(map(int, str(abs(x)))) for x in values]", lambda values, _: [_digit_sum(x) for x in values]),
    Step("remove numbers that were there before, so that each stays where it stands first",
         "list(dict.fromkeys(values))", lambda values, _: list(dict.fromkeys(values))),
    Step("sort the numbers from the largest to the smallest", "sorted(values, reverse=True)",
         lambda values, _: sorted(values, reverse=True)),
    Step("sort the numbers by the sum of their decimal digits without the sign, and equal ones from the smallest to "
         "the largest number", "sorted(values, key=lambda x: (sum(map(int, str(abs(x)))), x))",
         lambda values, _: sorted(values, key=lambda x: (_digit_sum(x), x))),
    Step("reverse the list", "values[::-1]", lambda values, _: values[::-1]),
    Step("keep every number at a position that {n} divides, where the first number has position 0",
         "values[::{n}]", lambda values, n: values[::n], 2, 3),
    Step("replace each number by the sum of all numbers up to and including it",
         "[sum(values[: i + 1]) for i in range(len(values))]", lambda values, _: list(accumulate(values))),
    Step("replace the list by the differences of neighbours, each the right one minus the left one",
         "[b - a for a, b in zip(values, values[1:])]", lambda values, _: [b - a for a, b in pairwise(values)]),
    Step("remove the first {n} numbers", "values[{n}:]", lambda values, n: values[n:], 1, 3),
    Step("move the first {n} numbers to the end, or leave a shorter list as it is",
         "values[{n}:] + values[:{n}]", lambda values, n: values[n:] + values[:n], 1, 4),
    Step("replace each number by its remainder from 0 to {n} minus 1 when it is divided by {n}",
         "[x % {n} for x in values]", lambda values, n: [x % n for x in values], 5, 23),
)  # fmt: skip
NUMBER_ENDS = (
    Step("return the list", "values", lambda values, _: values),
    Step("return the sum of the list, 0 for an empty one", "sum(values)", lambda values, _: sum(values)),
    Step("return the largest number, or {n} for an empty list", "max(values, default={n})",
         lambda values, n: max(values, default=n), -9, 9),
    Step("return the difference between the largest and the smallest number, 0 for an empty list",
         "max(values, default=0) - min(values, default=0)",
         lambda values, _: max(values, default=0) - min(values, default=0)),
    Step("return a text: the numbers in decimal with a minus sign between each two of them, empty for an empty list",
         "'-'.join(map(str, values))", lambda values, _: "-".join(map(str, values))),
    Step("return the sum of the numbers at even positions minus the sum of those at odd ones, where the first number "
         "has position 0", "sum(values[::2]) - sum(values[1::2])",
         lambda values, _: sum(values[::2]) - sum(values[1::2])),
)  # fmt: skip
WORD_STEPS = (
    Step("keep only the words of more than {n} letters", "[x for x in values if len(x) > {n}]",
         lambda values, n: [x for x in values if len(x) > n], 3, 5),
    Step("reverse the letters of each word", "[x[::-1] for x in values]", lambda values, _: [x[::-1] for x in values]),
    Step("remove the first letter of each word", "[x[1:] for x in values]", lambda values, _: [x[1:] for x in values]),
    Step("remove the vowels a, e, i, o and u from each word",
         "[''.join(c for c in x if c not in 'aeiou') for x in values]",
         lambda values, _: ["".join(c for c in x if c not in "aeiou") for x in values]),
    Step("repeat each word {n} times without a space", "[x * {n} for x in values]",
         lambda values, n: [x * n for x in values], 2, 3),
    Step("sort the words by their length, and equally long ones by the alphabet",
         "sorted(values, key=lambda x: (len(x), x))", lambda values, _: sorted(values, key=lambda x: (len(x), x))),
    Step("remove words that were there before, so that each stays where it stands first",
         "list(dict.fromkeys(values))", lambda values, _: list(dict.fromkeys(values))),
    Step("reverse the order of the words", "values[::-1]", lambda values, _: values[::-1]),
    Step("put the number of its letters behind each word", "[x + str(len(x)) for x in values]",
         lambda values, _: [x + str(len(x)) for x in values]),
    Step("make the last letter of each word a capital", "[x[:-1] + x[-1:].upper() for x in values]",
         lambda values, _: [x[:-1] + x[-1:].upper() for x in values]),
)  # fmt: skip
WORD_ENDS = (
    Step("return the list", "values", lambda values, _: values),
    Step("return the words as one text with a comma between each two of them, empty for an empty list",
         "','.join(values)", lambda values, _: ",".join(values)),
    Step("return the number of letters of all words together", "sum(map(len, values))",
         lambda values, _: sum(map(len, values))),
    Step("return the longest word, of several the first, or an empty text for an empty list",
         "max(values, key=len, default='')", lambda values, _: max(values, key=len, default="")),
)  # fmt: skip
