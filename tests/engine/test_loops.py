"""Loops are found with the period they have, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from gptoss.engine.loops import MAX_PERIOD, MIN_REPEATS, MIN_TOKENS, Loop, LoopDetector


def first_loop(tokens: Iterable[int]) -> Loop | None:
    detector = LoopDetector()
    return next((loop for token in tokens if (loop := detector.feed(token))), None)


def random_text(length: int, seed: int = 0) -> list[int]:
    made: list[int] = np.random.default_rng(seed).integers(0, 1000, length).tolist()
    return made


@pytest.mark.parametrize("period", [1, 2, 3, 7, 16, 31, 32, 33, 100, MAX_PERIOD])
@pytest.mark.parametrize("before", [0, 1, 50, 777])
def test_a_loop_is_found_soon_and_at_its_period(period: int, before: int) -> None:
    cycle = list(range(2000, 2000 + period))
    loop = first_loop([*random_text(before), *cycle * 400])
    assert loop is not None
    assert loop.period == period
    needed = max(period * MIN_REPEATS, MIN_TOKENS)
    # What stood before may end as the cycle does by accident, but not here.
    assert before + needed <= loop.num_new < before + needed + 32


def test_a_period_that_is_too_long_is_none() -> None:
    assert first_loop(list(range(MAX_PERIOD + 1)) * 50) is None


@pytest.mark.parametrize("seed", range(5))
def test_random_text_is_none(seed: int) -> None:
    assert first_loop(random_text(3000, seed)) is None
    few = np.random.default_rng(seed).integers(0, 2, 3000).tolist()
    assert first_loop(few) is None


@pytest.mark.parametrize("period", [1, 5, 16, 40])
def test_a_list_that_repeats_a_little_is_none(period: int) -> None:
    """One repetition too few, again and again, with something else between."""
    cycle = list(range(2000, 2000 + period))
    repeats = max(MIN_REPEATS, -(-MIN_TOKENS // period)) - 1
    tokens: list[int] = []
    for number in range(12):
        tokens += [*cycle * repeats, 3000 + number]
    assert first_loop(tokens) is None


def test_a_numbered_list_is_none() -> None:
    line = [10, 11, 12, 13, 14, 15, 16]
    assert first_loop(token for number in range(300) for token in (500 + number, *line)) is None


def test_a_loop_that_ended_is_no_loop() -> None:
    detector = LoopDetector()
    found = [detector.feed(token) for token in [*[5, 6] * 60, *random_text(1000)]]
    assert any(found[:120])
    assert not any(found[160:])
