"""One thing that was looked at: how it is, and what to do about it."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from gptoss.errors import GptossError

# Of several faults of one kind, so many are said one by one.
MOST_ALIKE = 5


class Level(StrEnum):
    """How bad it is, from what is right to what keeps the model from running, or from answering rightly."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


_ORDER = tuple(Level)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Mending:
    """A file written anew without inventing anything: its name in the model's folder, its bytes, and what is new."""

    file: str
    data: bytes
    said: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    group    what it belongs to: the machine, the files, ...
    remedy   what to do; empty where nothing is to be done
    mending  what `--repair` would do about it
    """

    group: str
    name: str
    level: Level
    said: str
    remedy: str = ""
    mending: Mending | None = None

    @classmethod
    def of_error(
        cls, group: str, name: str, error: Exception, remedy: str | None = None
    ) -> Finding:
        """An error of ours ends with what to do; `remedy` takes the place of that."""
        said, between, own = str(error).rpartition("; ")
        if not between or not isinstance(error, GptossError):
            said, own = str(error), ""
        return cls(group, name, Level.ERROR, said, own if remedy is None else remedy)


# Yields what it finds, and returns what it has read on the way.
Look = Generator[Finding, None, _Result]


def worst_of(findings: Iterable[Finding]) -> Level:
    """The worst level among them."""
    return max((finding.level for finding in findings), key=_ORDER.index, default=Level.OK)


def some_of(findings: Iterable[Finding]) -> list[Finding]:
    """The first of findings of one kind, and how many more there are."""
    rest = iter(findings)
    first = list(itertools.islice(rest, MOST_ALIKE))
    last = next(rest, None)
    if last is None:
        return first
    count = 1 + sum(1 for _ in rest)
    return [
        *first,
        replace(last, said=f"and {count} more like {'this' if count == 1 else 'these'}"),
    ]
