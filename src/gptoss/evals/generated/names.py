"""Names of things and numbers for them, none twice."""

from __future__ import annotations

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import ADJECTIVES, THINGS


def draw_names(draws: Draws, count: int) -> list[str]:
    """An adjective and a thing for each, all of them different."""
    adjectives, things = draws.some_of(ADJECTIVES, count), draws.some_of(THINGS, count)
    return [f"{adjective} {thing}" for adjective, thing in zip(adjectives, things, strict=True)]


def distinct_numbers(draws: Draws, count: int, digits: int) -> list[int]:
    """Numbers of so many digits."""
    found: dict[int, None] = {}
    while len(found) < count:
        found[draws.digits(digits)] = None
    return list(found)
