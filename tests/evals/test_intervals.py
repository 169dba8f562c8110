"""Intervals of mean scores: values of others, ends, and how often they hold the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss.evals.statistics import Method, mean_score
from gptoss.evals.statistics.clusters import ClusterSums
from gptoss.evals.statistics.distributions import binomial_of, binomial_up_to
from tests.levels import examples

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden/statistics/distributions.json").read_text(encoding="utf-8")
)
RUNS = 400
BAND = (0.93, 0.97)
# Of a case to lie outside by chance alone, though its coverage is in the band: there are some dozens of cases.
CHANCE = 1e-4


@pytest.mark.parametrize(("right", "n", "low", "high"), GOLDEN["wilson"])
def test_wilson_is_that_of_scipy(right: int, n: int, low: float, high: float) -> None:
    found = mean_score([1.0] * right + [0.0] * (n - right), range(n))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.method is Method.WILSON


@pytest.mark.parametrize("case", GOLDEN["clustered"])
def test_variance_is_that_of_a_clustered_regression(case: dict[str, list[float]]) -> None:
    sums = ClusterSums.of(case["values"], case["clusters"])
    assert sums.mean == pytest.approx(case["mean"], rel=1e-12)
    assert sums.variance == pytest.approx(case["variance"], rel=1e-12)


@pytest.mark.parametrize("n", [100, 198, 315, 1000])
@pytest.mark.parametrize("p", [0.1, 0.344, 0.5, 0.688, 0.748, 0.9])
def test_wilson_covers_by_all_that_can_come(n: int, p: float) -> None:
    """No run is drawn: each number of right answers counts with its probability, a few per cent at most."""
    held = [
        binomial_of(right, n, p)
        for right in range(n + 1)
        if (each := mean_score([1.0] * right + [0.0] * (n - right), range(n))).low <= p <= each.high
    ]
    assert BAND[0] <= sum(held) <= BAND[1]


Score = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def rights(random: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    return (random.random(chances.shape) < chances).astype(float)


def parts(random: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    """Scores of items with five parts each."""
    return random.binomial(5, chances) / 5


def covered(p: float, sizes: Sequence[int], alike: float, score: Score, seed: int) -> int:
    """Runs of a scripted model that answers right with p, whose interval holds p.

    alike  correlation of items in a cluster: how far some clusters are easier than others
    """
    random = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    held = 0
    for _ in range(RUNS):
        ease = (
            random.beta(p * (1 / alike - 1), (1 - p) * (1 / alike - 1), len(sizes))
            if alike
            else np.full(len(sizes), p)
        )
        found = mean_score(score(random, ease[clusters]), clusters.tolist())
        held += found.low <= p <= found.high
    return held


CASES = [
    (p, sizes, alike, score)
    for p in (0.1, 0.344, 0.688, 0.9)
    for sizes in ([5] * 198, [3] * 60, [1, 2, 3, 4, 5, 6, 7, 8] * 10)
    for alike in (0.0, 0.3)
    for score in (rights, parts)
]


def test_clustered_intervals_cover() -> None:
    """Each case within what chance makes of 93 to 97 %, and all together within 93 to 97 % themselves.

    Of 400 runs at a coverage of 95 %, 7 in 100 come to less than 372 or more than 388: a single case cannot be held to
    the band itself without choosing its seed.
    """
    held = [covered(*case, seed=index) for index, case in enumerate(CASES)]
    fewest = next(k for k in range(RUNS) if binomial_up_to(k, RUNS, BAND[0]) > CHANCE)
    most = next(k for k in range(RUNS) if 1 - binomial_up_to(k, RUNS, BAND[1]) < CHANCE)
    outside = [
        (case, count)
        for case, count in zip(CASES, held, strict=True)
        if not fewest <= count <= most
    ]
    assert not outside
    assert BAND[0] <= sum(held) / (RUNS * len(CASES)) <= BAND[1]


def test_repeats_are_no_new_questions() -> None:
    """A hundred questions that are always answered alike, asked five times, say as much as asked once."""
    once = [1.0] * 70 + [0.0] * 30
    single = mean_score(once, range(100))
    repeated = mean_score(once * 5, [*range(100)] * 5)
    assert repeated.n == 500
    assert repeated.clusters == 100
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low, rel=0.05)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [1, 5])
def test_scores_that_are_all_alike_have_an_interval(score: float, size: int) -> None:
    found = mean_score([score] * 20 * size, [*range(20)] * size)
    assert found.low <= score <= found.high
    # That of 20 observations, whatever their repeats.
    assert found.high - found.low > 0.16
    assert found.method is (Method.WILSON if size == 1 and score != 0.5 else Method.UNVARIED)


@settings(max_examples=examples(300))
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.integers(0, 6)), min_size=1, max_size=40
    )
)
def test_every_interval_has_a_width_and_holds_its_mean(items: list[tuple[float, int]]) -> None:
    scores, clusters = zip(*items, strict=True)
    found = mean_score(scores, clusters)
    assert 0.0 <= found.low <= found.mean <= found.high <= 1.0
    assert found.high - found.low > 1e-6
    assert found.n == len(items)
    shuffled = mean_score(scores[::-1], clusters[::-1])
    assert (shuffled.low, shuffled.high) == pytest.approx((found.low, found.high), abs=1e-9)


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no observation"):
        mean_score([], [])
    with pytest.raises(ValueError, match="got 1 clusters for 2"):
        mean_score([1.0, 0.0], ["a"])
