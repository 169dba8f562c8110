"""Random choices that are the same on every machine and under every version of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Draws:
    """A stream of choices, decided by what it was made of.

    Of Python's generator only the bits are used, which are specified: how it shuffles and samples may change.
    """

    def __init__(self, *origin: object) -> None:
        self.origin = "/".join(map(str, origin))
        self._bits = random.Random(self.origin)

    def stream(self, *more: object) -> Draws:
        """A further stream beneath this one, which takes nothing from it."""
        return Draws(self.origin, *more)

    def below(self, count: int) -> int:
        """A number from 0 to count - 1, each as likely."""
        length = count.bit_length()
        while (number := self._bits.getrandbits(length)) >= count:
            pass
        return number

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self.below(high - low + 1)

    def digits(self, count: int) -> int:
        """A number above 0 of so many digits."""
        return self.between(10 ** (count - 1), 10**count - 1)

    def one_of(self, choices: Sequence[_T]) -> _T:
        """One of several, each as likely."""
        return choices[self.below(len(choices))]

    def some_of(self, choices: Sequence[_T], count: int) -> list[_T]:
        """So many of several, none twice, in the order in which they were drawn."""
        left = list(choices)
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def shuffled(self, choices: Sequence[_T]) -> list[_T]:
        """All of them in some order."""
        mixed = list(choices)
        for end in range(len(mixed) - 1, 0, -1):
            other = self.below(end + 1)
            mixed[end], mixed[other] = mixed[other], mixed[end]
        return mixed

    def is_one_in(self, count: int) -> bool:
        """Whether something happens that does once in so many times."""
        return not self.below(count)
