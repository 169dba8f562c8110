"""What is fuzzed: a reader, files that it takes, and how such files are changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Changes bytes anyhow, to so many at most.
MutateBytes = Callable[[bytes, int], bytes]


class Form(Protocol):
    """A file format, so far that changes go deeper than its first check."""

    def mutate(self, data: bytes, chance: random.Random, mutate: MutateBytes, most: int) -> bytes:
        """Other bytes than these, often still of the format; any input is taken."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """A reader of outside bytes.

    seeds  sound inputs, small
    read   reads an input; the folder is its own, empty at first and with what it left there later. It raises
           GptossError for what is refused
    most   bytes of an input
    """

    name: str
    form: Form
    seeds: Callable[[], Iterable[bytes]]
    read: Callable[[bytes, Path], object]
    most: int = 1 << 16
