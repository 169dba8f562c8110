"""Fields that are taken and do nothing, and those that are refused: each type says which of its own are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def says_nothing(value: object) -> bool:
    """Whether a value asks for nothing. An empty object does: for a thing as it is by default."""
    return value is None or value is False or (isinstance(value, str | list) and not value)


def unless(*values: object) -> Callable[[object], bool]:
    """A check for these values, and for nothing."""
    return lambda value: says_nothing(value) or value in values


@dataclass(frozen=True, slots=True)
class Unread:
    """A field that is not read.

    why          for who sent it
    is_harmless  tells values that nothing is said of, since they ask for what is done anyway
    """

    why: str
    is_harmless: Callable[[object], bool] = says_nothing


@dataclass(frozen=True, slots=True)
class Ignored(Unread):
    """A field that is taken and does nothing."""


@dataclass(frozen=True, slots=True)
class Refused(Unread):
    """A field that asks for what there is not; `why` is what to do instead.

    error_code  by which programs know that they may go on without it
    """

    error_code: str | None = None


UNKNOWN = Ignored("no such field is known")
