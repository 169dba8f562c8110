"""Intervals of a mean score: Wilson's for independent rights and wrongs, a clustered one for all else."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from gptoss.evals.statistics.clusters import ClusterSums
from gptoss.evals.statistics.distributions import normal_quantile, t_quantile
from gptoss.evals.statistics.estimate import CONFIDENCE, Estimate, Method

_UPPER = 0.5 + CONFIDENCE / 2


def mean_score(scores: npt.ArrayLike, clusters: Sequence[Hashable]) -> Estimate:
    """The mean of scores from 0 to 1, with an interval that is never of width 0.

    Rights and wrongs that are each a cluster have Wilson's interval. For repeats, clusters and partial scores, it is
    Wilson's with n / deff observations, where deff is the mean's variance between clusters (CR1) over that of n
    independent rights and wrongs, and with t of G - 1 degrees of freedom; the plain t interval is too narrow near 0
    and 1. Where all clusters score alike, deff is unknown, and each cluster counts as one observation.

    Source: Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data, Survey Methodology 24 (1998), with Wilson's interval as compared by Franco, Little,
    Louis and Slud, Journal of Survey Statistics and Methodology 7 (2019).
    """
    observed = np.asarray(scores, np.float64)
    sums = ClusterSums.of(observed, clusters)
    is_binary = bool(np.all((observed == 0.0) | (observed == 1.0)))
    mean, n, variance = sums.mean, sums.n, sums.variance
    if is_binary and sums.num == n:
        low, high = wilson(mean, n, normal_quantile(_UPPER))
        method = Method.WILSON
    elif variance == 0.0:
        low, high = wilson(mean, sums.num, normal_quantile(_UPPER))
        method = Method.UNVARIED
    else:
        effective = n if n == 1 else mean * (1.0 - mean) / variance * n / (n - 1)
        low, high = wilson(mean, effective, t_quantile(_UPPER, sums.num - 1))
        method = Method.CLUSTERED
    return Estimate(mean=mean, low=low, high=high, n=n, clusters=sums.num, method=method)


def wilson(mean: float, n: float, quantile: float) -> tuple[float, float]:
    """The interval of all shares for which a mean of n rights and wrongs is within `quantile` standard errors.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    square = quantile * quantile
    middle = (mean + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * (mean * (1 - mean) / n + square / (4 * n * n)) ** 0.5
    # Rounding must not push the mean out of its own interval.
    return max(0.0, min(middle - half, mean)), min(1.0, max(middle + half, mean))
