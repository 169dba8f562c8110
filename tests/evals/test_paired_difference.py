"""Two runs on the same items: values of others, coverage, false alarms, and what nothing says."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from gptoss.evals.statistics import holm, mcnemar, paired_difference
from gptoss.evals.statistics.distributions import binomial_up_to
from gptoss.evals.statistics.estimate import Method
from gptoss.evals.statistics.paired import SignificanceTest

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden/statistics/distributions.json").read_text(encoding="utf-8")
)
RUNS = 400
CHANCE = 1e-4


@pytest.mark.parametrize(("up", "down", "exact", "seen"), GOLDEN["mcnemar"])
def test_mcnemar_is_the_exact_one_less_half_of_what_was_seen(
    up: int, down: int, exact: float, seen: float
) -> None:
    # Two tails, so half of it twice; and where both are equal, all that can come is as far.
    expected = 1.0 if up == down else exact - seen
    assert mcnemar(up, down) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(down, up) == mcnemar(up, down)


def test_no_difference_has_a_p_of_one() -> None:
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize("case", GOLDEN["clustered"])
def test_interval_is_that_of_a_clustered_regression(case: dict[str, list[float]]) -> None:
    values = np.array(case["values"])
    found = paired_difference(np.zeros(len(values)), values, case["clusters"])
    assert found.estimate.mean == pytest.approx(case["mean"])
    assert (found.estimate.low, found.estimate.high) == pytest.approx(
        (case["low"], case["high"]), rel=1e-9
    )
    if found.test is SignificanceTest.T:
        assert found.p == pytest.approx(case["p"], rel=1e-6)


def test_few_clusters_are_swapped_in_every_way() -> None:
    first, second = [0.0, 0.2, 0.5, 0.4, 1.0, 0.6], [0.4, 0.6, 0.5, 0.5, 0.8, 1.0]
    found = paired_difference(first, second, "aabbcd")
    sums = [0.8, 0.1, -0.2, 0.4]
    reached = [
        abs(sum(sign * each for sign, each in zip(signs, sums, strict=True)))
        for signs in product((1, -1), repeat=4)
    ]
    assert found.p == sum(each >= sum(sums) - 1e-9 for each in reached) / 16
    assert found.test is SignificanceTest.SIGNS
    assert (found.up, found.down) == (4, 1)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    ("differing", "truth"), [(0.05, 0.0), (0.15, 0.0), (0.15, 0.05), (0.3, 0.1)]
)
@pytest.mark.parametrize("alike", [0.0, 0.3])
def test_intervals_cover_and_false_alarms_are_rare(
    size: int, differing: float, truth: float, alike: float
) -> None:
    """Where items differ in a share of cases, B right alone more often by the truth; some clusters differ more."""
    random = np.random.default_rng(
        [size, int(1000 * differing), int(1000 * truth), int(10 * alike)]
    )
    shares = np.array([(differing + truth) / 2, (differing - truth) / 2, 1 - differing])
    groups, held, alarms = 120, 0, 0
    clusters = np.repeat(np.arange(groups), size).tolist()
    for _ in range(RUNS):
        each = (
            random.dirichlet(shares * (1 / alike - 1), groups)
            if alike
            else np.broadcast_to(shares, (groups, 3))
        )
        drawn = random.random(groups * size)
        bounds = np.repeat(each.cumsum(axis=1), size, axis=0)
        second = (drawn < bounds[:, 0]).astype(float)
        first = ((drawn >= bounds[:, 0]) & (drawn < bounds[:, 1])).astype(float)
        found = paired_difference(first, second, clusters)
        held += found.estimate.includes(truth)
        alarms += found.p <= 0.05
    assert binomial_up_to(held, RUNS, 0.93) > CHANCE
    if truth == 0.0:
        # Never more often than is promised; less often where few items differ.
        assert 1 - binomial_up_to(alarms - 1, RUNS, 0.06) > CHANCE


def test_equal_runs_have_an_interval() -> None:
    """None of 300 items differs: up to 3.84 in 303.84 of them could."""
    found = paired_difference([1.0, 0.0, 1.0] * 100, [1.0, 0.0, 1.0] * 100, range(300))
    assert found.estimate.mean == 0.0
    assert found.estimate.high == pytest.approx(3.8415 / 303.8415, rel=1e-4)
    assert found.estimate.low == -found.estimate.high
    assert found.estimate.method is Method.PAIRED_UNVARIED
    assert found.p == 1.0
    assert "includes zero" in found.verdict


def test_runs_that_differ_everywhere() -> None:
    found = paired_difference([0.0] * 40, [1.0] * 40, range(40))
    assert found.estimate.high == 1.0
    assert 0.8 < found.estimate.low < 1.0
    assert found.verdict == "excludes zero: B is better"
    alike = paired_difference([0.2] * 40, [0.4] * 40, range(40))
    assert alike.p == pytest.approx(2**-39, rel=0.1) or alike.p < 1e-9
    assert alike.estimate.low > 0


def test_one_cluster_says_nothing() -> None:
    found = paired_difference([0.0] * 9, [1.0] * 9, ["a"] * 9)
    assert found.p == 1.0
    assert found.estimate.low < 0


def test_interval_and_test_that_disagree_are_told() -> None:
    """Five clusters that all differ alike: the interval cannot see that five tosses may all be heads."""
    found = paired_difference([0.0] * 5, [0.5, 0.5, 0.5, 0.5, 0.6], "abcde")
    assert found.p == 2 / 32
    assert not found.estimate.includes(0.0)
    assert found.verdict.startswith("at the edge")


def test_holm_is_that_of_statsmodels() -> None:
    given = GOLDEN["holm"]["given"]
    found = holm({str(index): p for index, p in enumerate(given)})
    assert list(found.values()) == pytest.approx(GOLDEN["holm"]["adjusted"])
    assert holm({}) == {}
