"""Ratios by bootstrap and quantiles by Woodruff."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gptoss.evals.statistics import ratio, spread
from gptoss.evals.statistics.distributions import binomial_up_to
from tests.levels import rounds

CHANCE = 1e-4


def test_a_ratio_is_the_same_for_the_same_seed_alone() -> None:
    random = np.random.default_rng(3)
    top, bottom = random.gamma(2, 500, 300), random.random(300) < 0.6
    first = ratio(top, bottom, range(300))
    assert ratio(top, bottom, range(300)) == first
    assert ratio(top, bottom, range(300), seed=1) != first
    assert first.mean == pytest.approx(top.sum() / bottom.sum())
    assert first.low < first.mean < first.high


def test_ratios_cover() -> None:
    """Tokens for each right answer, of clusters of three."""
    random = np.random.default_rng(4)
    runs, groups, held = rounds(300), 100, 0
    clusters = np.repeat(np.arange(groups), 3).tolist()
    for _ in range(runs):
        tokens = random.gamma(2, 500, 3 * groups) + np.repeat(random.gamma(2, 200, groups), 3)
        found = ratio(tokens, random.random(3 * groups) < 0.7, clusters)
        held += found.includes((1000 + 400) / 0.7)
    # Percentiles of a hundred clusters are a little narrow.
    assert binomial_up_to(held, runs, 0.92) > CHANCE
    assert 1 - binomial_up_to(held - 1, runs, 0.97) > CHANCE


def test_nothing_right_has_no_bound() -> None:
    found = ratio([100.0] * 9, [0.0] * 9, range(9))
    assert math.isinf(found.mean)
    assert str(found) == "infinite (no bounds, n 9)"
    assert found.to_dict()["mean"] is None
    seldom = ratio([100.0] * 9, [1.0] + [0.0] * 8, range(9))
    assert seldom.mean == 900.0
    assert math.isinf(seldom.high)


def test_medians_cover() -> None:
    random = np.random.default_rng(5)
    runs, groups = rounds(1200), 80
    clusters = np.repeat(np.arange(groups), 4).tolist()
    held = 0
    for _ in range(runs):
        # The median of a product of independent log-normals of median 1 is 1.
        values = np.exp(
            random.normal(0, 1, 4 * groups) + np.repeat(random.normal(0, 0.7, groups), 4)
        )
        held += spread(values, clusters).median.includes(1.0)
    assert binomial_up_to(held, runs, 0.93) > CHANCE
    assert 1 - binomial_up_to(held - 1, runs, 0.97) > CHANCE


def test_quartiles_are_values_that_came() -> None:
    found = spread([5, 1, 2, 3, 4, 100, 7, 8], range(8))
    assert (found.lower, found.median.mean, found.upper) == (2, 4, 7)
    assert str(found) == "4 (2 to 8, n 8), half of them from 2 to 7"
    equal = spread([9] * 50, range(50))
    assert (equal.median.low, equal.median.high) == (9, 9)


@pytest.mark.parametrize("n", [1, 5, 6])
def test_the_median_of_few_has_no_bounds(n: int) -> None:
    found = spread([3.0] * n, range(n))
    assert str(found.median) == ("3 (3 to 3, n 6)" if n == 6 else f"3 (no bounds, n {n})")
    assert found.to_dict()["median"]["low"] == (3 if n == 6 else None)  # type: ignore[index]
