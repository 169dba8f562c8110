"""What is counted: one call on inputs of two sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """A reader of outside bytes on the input that is worst for it.

    make  the input of a size
    call  reads it; what it raises is ignored, since a refusal costs time too
    size  of the smaller input; the larger one has twice that. So large that what every call costs hardly counts
    """

    name: str
    make: Callable[[int], Any]
    call: Callable[[Any], object]
    size: int
