"""The smallest difference that a run can show: figures of the field notes, and that it is found 4 times in 5."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss.evals.statistics import (
    detectable_between,
    detectable_from,
    mean_score,
    paired_difference,
)
from gptoss.evals.statistics.distributions import binomial_up_to

RUNS = 400
CHANCE = 1e-4


@pytest.mark.parametrize(
    ("n", "clusters", "points"),
    [
        (12032, None, 1.0),
        (1000, None, 3.4),
        (2158, None, 2.3),
        (315, None, 6.1),
        (198, None, 7.7),
        (990, 198, 5.0),
    ],
)
def test_differences_of_the_page_s_benchmarks(n: int, clusters: int | None, points: float) -> None:
    found = detectable_between(n, clusters)
    assert found.difference is not None
    assert 100 * found.difference == pytest.approx(points, abs=0.16)


@pytest.mark.parametrize(("n", "differing"), [(198, 0.15), (1000, 0.15), (400, 0.3)])
def test_such_a_difference_is_found_four_times_in_five(n: int, differing: float) -> None:
    truth = detectable_between(n, discordance=differing).difference
    assert truth is not None
    random = np.random.default_rng(n)
    found = 0
    for _ in range(RUNS):
        drawn = random.random(n)
        second = (drawn < (differing + truth) / 2).astype(float)
        first = ((drawn >= (differing + truth) / 2) & (drawn < differing)).astype(float)
        found += paired_difference(first, second, range(n)).p <= 0.05
    assert_power(found)


@pytest.mark.parametrize(("figure", "n"), [(0.688, 198), (0.748, 1000), (0.098, 668)])
def test_a_difference_from_a_figure_is_found_four_times_in_five(figure: float, n: int) -> None:
    shift = detectable_from(figure, n).difference
    assert shift is not None
    random = np.random.default_rng(n)
    for truth in (figure + shift, figure - shift):
        if truth <= 0:
            continue
        found = sum(
            not mean_score(random.random(n) < truth, range(n)).includes(figure) for _ in range(RUNS)
        )
        # The larger of both ways: the other is found more often.
        assert binomial_up_to(found, RUNS, 0.78) > CHANCE


def assert_power(found: int) -> None:
    """About 80 %: the formula is one of large samples."""
    assert binomial_up_to(found, RUNS, 0.78) > CHANCE
    assert 1 - binomial_up_to(found - 1, RUNS, 0.83) > CHANCE


def test_more_items_show_smaller_differences_and_repeats_less_so() -> None:
    shown = [detectable_between(n).difference or 1.0 for n in (150, 300, 1000, 5000)]
    assert shown == sorted(shown, reverse=True)
    assert (detectable_between(1000, 200).difference or 0) > (
        detectable_between(1000).difference or 1
    )


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_too_few_items_show_nothing(n: int) -> None:
    found = detectable_between(n)
    assert found.difference is None
    assert str(found).startswith("no difference with so few items (n ")
    assert found.to_dict()["difference"] is None


def test_a_plan_says_its_size_and_what_it_takes_to_be_so() -> None:
    assert str(detectable_between(990, 198)) == (
        "4.9 points or more, found 4 times in 5 (n 990 in 198 clusters, where the runs differ on 15 % of the items)"
    )
    assert str(detectable_from(0.748, 300)).endswith("(n 300, against a figure of 74.8 %)")


@pytest.mark.parametrize("figure", [0.0, 1.0])
def test_figures_at_the_ends(figure: float) -> None:
    found = detectable_from(figure, 100)
    assert found.difference is not None
    assert 0 < found.difference < 0.1
