"""Draws training conversations: what share of each kind, in what setting."""

from __future__ import annotations

import random
from dataclasses import replace

from recipes.nano.arithmetic import Sum, draw_sum, sum_example
from recipes.nano.example import Example
from recipes.nano.talk import draw_level, fact_example, other_example, small_talk_example

INSTRUCTIONS = (
    "You are a helpful assistant.",
    "Answer briefly.",
    "Be kind and concise.",
    "You are a friendly tutor.",
    "Always answer in English.",
    "You help people with arithmetic.",
)


def draw_date(rng: random.Random) -> str:
    """Any day that a user may run the model on."""
    return f"{rng.randint(2024, 2035)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def draw_trained_sum(rng: random.Random, most_digits: int) -> Sum:
    """Longer sums are drawn more often: they hold more to learn."""
    lengths = list(range(1, most_digits + 1))
    digits = rng.choices(lengths, weights=[1 + length for length in lengths])[0]
    return draw_sum(rng, digits, rng.choice("+-"), held_out=False)


def draw_turn(rng: random.Random, most_digits: int, sum_share: float) -> Example:
    """One turn by itself."""
    if rng.random() < sum_share:
        # The short answers of the low level hold few tokens, so they are drawn less often.
        level = rng.choices(("low", "medium", "high"), weights=(2, 5, 3))[0]
        return sum_example(rng, draw_trained_sum(rng, most_digits), level)
    level = draw_level(rng)
    draw = rng.random()
    if draw < 0.5:
        return fact_example(rng, level)
    if draw < 0.65:
        return small_talk_example(rng, level)
    return other_example(rng, level)


def draw_example(rng: random.Random, most_digits: int = 5, sum_share: float = 0.65) -> Example:
    """A conversation as the project renders it: date, instructions and earlier turns come and go."""
    example = draw_turn(rng, most_digits, sum_share)
    earlier: tuple[tuple[str, str], ...] = ()
    if rng.random() < 0.12:
        turns = [draw_turn(rng, most_digits, 0.5) for _ in range(rng.randint(1, 2))]
        earlier = tuple((turn.user, turn.final) for turn in turns)
    return replace(
        example,
        earlier=earlier,
        instructions=rng.choice(INSTRUCTIONS) if rng.random() < 0.1 else None,
        date=draw_date(rng) if rng.random() < 0.6 else None,
    )
