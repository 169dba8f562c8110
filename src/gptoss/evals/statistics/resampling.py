"""Intervals of what is no mean of scores: ratios by bootstrap, quantiles by the share below them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gptoss.evals.statistics.clusters import ClusterSums, Floats
from gptoss.evals.statistics.estimate import (
    CONFIDENCE,
    Estimate,
    Method,
    Unit,
    number_text,
    rounded,
)
from gptoss.evals.statistics.intervals import mean_score

RESAMPLES = 2000
# Of drawn clusters at a time: a few megabytes.
_DRAWN_AT_ONCE = 1 << 19
# 2 * 0.5 ** 6 is below 1 in 20.
_FEWEST = 6


def ratio(
    above: npt.ArrayLike, below: npt.ArrayLike, clusters: Sequence[Hashable], *, seed: int = 0
) -> Estimate:
    """The sum of `above` over the sum of `below`, such as tokens for each right answer.

    Clusters are drawn anew, as many as there are, with a generator whose numbers are the same in every version of
    NumPy. A bound is infinite where that many draws have nothing below. Source: Efron and Tibshirani, An Introduction
    to the Bootstrap (1993), 13.3.
    """
    top, bottom = ClusterSums.of(above, clusters), ClusterSums.of(below, clusters)
    drawn = _drawn_ratios(top.sums, bottom.sums, seed)
    low, high = np.quantile(
        drawn, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], method="inverted_cdf"
    )
    all_below = float(bottom.sums.sum())
    return Estimate(
        mean=float(top.sums.sum()) / all_below if all_below else math.inf,
        low=float(low),
        high=float(high),
        n=top.n,
        clusters=top.num,
        method=Method.BOOTSTRAP,
        unit=Unit.NUMBER,
    )


def _drawn_ratios(top: Floats, bottom: Floats, seed: int) -> Floats:
    numbers = np.random.PCG64(seed)
    rows = max(1, _DRAWN_AT_ONCE // len(top))
    found = []
    for begin in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - begin)
        # Raw numbers: a generator's own methods may change with NumPy's version.
        places = (numbers.random_raw(count * len(top)) % np.uint64(len(top))).astype(np.int64)
        above = top[places].reshape(count, -1).sum(axis=1)
        below = bottom[places].reshape(count, -1).sum(axis=1)
        found.append(np.divide(above, below, out=np.full(count, np.inf), where=below > 0))
    return np.concatenate(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Quartiles of a number, with the interval of the median."""

    lower: float
    median: Estimate
    upper: float

    def __str__(self) -> str:
        return f"{self.median}, {self.quartiles}"

    @property
    def quartiles(self) -> str:
        """The lower and the upper one in words."""
        return f"half of them from {number_text(self.lower)} to {number_text(self.upper)}"

    def to_dict(self) -> dict[str, object]:
        """The spread for JSON."""
        return {
            "lower_quartile": rounded(self.lower),
            "median": self.median.to_dict(),
            "upper_quartile": rounded(self.upper),
        }


def spread(values: npt.ArrayLike, clusters: Sequence[Hashable]) -> Spread:
    """The quartiles of numbers.

    The median's interval ends at the quantiles of the bounds of the share of observations that lie below it. Of fewer
    than six clusters, all may lie on one side of it once in 20 times: there are no bounds then. Source: Woodruff,
    Confidence intervals for medians and other position measures, JASA 47 (1952).
    """
    observed = np.asarray(values, np.float64)
    order = np.argsort(observed, kind="stable")
    ordered = observed[order]
    lower, median, upper = np.quantile(ordered, [0.25, 0.5, 0.75], method="inverted_cdf")
    # By rank and not by value: equal ones must not all lie on one side.
    is_below = np.empty(len(order))
    is_below[order] = np.arange(len(order)) < len(order) / 2
    below = mean_score(is_below, clusters)
    low, high = np.quantile(ordered, [below.low, below.high], method="inverted_cdf")
    if below.clusters < _FEWEST:
        low, high = -math.inf, math.inf
    return Spread(
        lower=float(lower),
        median=Estimate(
            mean=float(median),
            low=float(low),
            high=float(high),
            n=below.n,
            clusters=below.clusters,
            method=Method.WOODRUFF,
            unit=Unit.NUMBER,
        ),
        upper=float(upper),
    )
