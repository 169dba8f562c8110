"""What is counted: one call on inputs of two sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """A reader of outside bytes on the input that is worst for it.

    make  the input of a size
    call  reads it
    size  of the smaller input; the larger one has twice that. So large that what every call costs hardly counts
    raises  what it ends with, where the input is refused: a refusal costs time too
    """

    name: str
    make: Callable[[int], Any]
    call: Callable[[Any], object]
    size: int
    raises: type[Exception] | None = None
