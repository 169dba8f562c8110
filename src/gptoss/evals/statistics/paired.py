"""The difference of two runs on the same items: its interval, and whether chance alone would bring it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gptoss.evals.statistics.clusters import ClusterSums, Floats
from gptoss.evals.statistics.distributions import (
    binomial_of,
    binomial_up_to,
    normal_quantile,
    t_above,
    t_quantile,
)
from gptoss.evals.statistics.estimate import CONFIDENCE, Estimate, Method, Unit, rounded
from gptoss.evals.statistics.intervals import wilson

_Name = TypeVar("_Name", bound=Hashable)
_UPPER = 0.5 + CONFIDENCE / 2
# 65,536 ways to choose signs; beyond that t is close.
_MOST_FLIPPED = 16


class SignificanceTest(StrEnum):
    """How a p was found."""

    MCNEMAR = "McNemar, mid-p"
    """The items that one run has right alone, as tosses of a fair coin; half of the probability of what was seen."""
    SIGNS = "all signs of clusters"
    """The share of all ways to swap the runs, cluster by cluster, that give as large a difference."""
    T = "t of clusters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """B less A on the same items.

    estimate  in shares, with its interval
    p         of a difference as large where the runs are equally good
    test      that gave it
    up, down  items on which B scores higher, and lower
    """

    estimate: Estimate
    p: float
    test: SignificanceTest
    up: int
    down: int

    @property
    def verdict(self) -> str:
        """What may be said, in words."""
        has_zero = self.estimate.includes(0.0)
        if has_zero != (self.p > 1 - CONFIDENCE):
            return "at the edge: the interval and the test disagree, ask more items before you say anything"
        if has_zero:
            return "includes zero: no difference is shown"
        return f"excludes zero: B is {'better' if self.estimate.mean > 0 else 'worse'}"

    def __str__(self) -> str:
        return f"{self.estimate}, p {p_text(self.p)} ({self.test}), {self.verdict}"

    def to_dict(self) -> dict[str, object]:
        """The difference for JSON."""
        return {
            "estimate": self.estimate.to_dict(),
            "p": rounded(self.p),
            "test": str(self.test),
            "up": self.up,
            "down": self.down,
            "verdict": self.verdict,
        }


def p_text(p: float) -> str:
    """A probability as a report prints it."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def paired_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, clusters: Sequence[Hashable]
) -> Difference:
    """Compare scores of the same items, second less first; an item that was repeated comes once, as its mean.

    The interval is t's with the variance between clusters (CR1). Where nothing varies, it is what the share of
    clusters that could still be otherwise (Wilson's upper bound at none of G) can change.
    """
    before, after = np.asarray(first, np.float64), np.asarray(second, np.float64)
    differences = after - before
    sums = ClusterSums.of(differences, clusters)
    mean, variance = sums.mean, sums.variance
    if variance == 0.0:
        _, unseen = wilson(0.0, sums.num, normal_quantile(_UPPER))
        low, high = mean - unseen * (1 + mean), mean + unseen * (1 - mean)
        method = Method.PAIRED_UNVARIED
    else:
        half = t_quantile(_UPPER, sums.num - 1) * variance**0.5
        low, high = max(-1.0, mean - half), min(1.0, mean + half)
        method = Method.PAIRED
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    is_tossed = sums.num == sums.n and bool(
        np.isin(before, (0, 1)).all() & np.isin(after, (0, 1)).all()
    )
    p, test = (mcnemar(up, down), SignificanceTest.MCNEMAR) if is_tossed else _clustered_p(sums)
    estimate = Estimate(
        mean=mean,
        low=low,
        high=high,
        n=sums.n,
        clusters=sums.num,
        method=method,
        unit=Unit.DIFFERENCE,
    )
    return Difference(estimate=estimate, p=p, test=test, up=up, down=down)


def mcnemar(up: int, down: int) -> float:
    """The p of two runs whose items differ in so many cases each way: exact, with half of what was seen (mid-p).

    Source: Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data: mid-p and asymptotic are
    better than exact conditional, BMC Medical Research Methodology 13 (2013).
    """
    tries, fewer = up + down, min(up, down)
    if up == down:
        return 1.0
    p = 2 * binomial_up_to(fewer, tries, 0.5) - binomial_of(fewer, tries, 0.5)
    return min(1.0, max(0.0, p))


def _clustered_p(sums: ClusterSums) -> tuple[float, SignificanceTest]:
    differing = sums.sums[np.abs(sums.sums) > 1e-12]
    if len(differing) <= _MOST_FLIPPED:
        return _sign_p(differing), SignificanceTest.SIGNS
    if sums.variance == 0.0:
        # Many clusters that all differ alike: each sign is a toss.
        return mcnemar(len(differing), 0), SignificanceTest.SIGNS
    return min(
        1.0, 2 * t_above(abs(sums.mean) / sums.variance**0.5, sums.num - 1)
    ), SignificanceTest.T


def _sign_p(differing: Floats) -> float:
    """The share of all signs that bring the sum as far from 0."""
    bits = np.arange(1 << len(differing))[:, None] >> np.arange(len(differing)) & 1
    reached = np.abs((1 - 2 * bits) @ differing)
    return float((reached >= abs(differing.sum()) - 1e-9).mean())


def holm(probabilities: Mapping[_Name, float]) -> dict[_Name, float]:
    """Adjust the p of several comparisons so that any false alarm among them is as rare as one alone may be.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted: dict[_Name, float] = {}
    largest = 0.0
    for rank, (name, p) in enumerate(sorted(probabilities.items(), key=lambda each: each[1])):
        largest = max(largest, min(1.0, (len(probabilities) - rank) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in probabilities}
