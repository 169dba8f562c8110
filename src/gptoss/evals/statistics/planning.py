"""The smallest difference that a run can show, told before it is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gptoss.evals.statistics.distributions import normal_quantile, t_quantile
from gptoss.evals.statistics.estimate import CONFIDENCE, rounded

POWER = 0.8
# Items on which two runs of one benchmark differ, where nothing better is known.
DISCORDANCE = 0.15
# Of repeats of a question and of steps of a problem: what makes five repeats of GPQA Diamond worth 2.5 (house notes).
CORRELATION = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """A difference that is found with a probability of 80 %, if it is there.

    difference  in shares; None: none can be, as the run is too small
    n, clusters observations and the clusters that they are in
    given       what was taken to be so, in words
    """

    difference: float | None
    n: int
    clusters: int
    given: str

    def __str__(self) -> str:
        grouped = "" if self.clusters == self.n else f" in {self.clusters:,} clusters"
        behind = f"n {self.n:,}{grouped}, {self.given}"
        if self.difference is None:
            return f"no difference with so few items ({behind})"
        return f"{100 * self.difference:.1f} points or more, found 4 times in 5 ({behind})"

    def to_dict(self) -> dict[str, object]:
        """The difference for JSON."""
        return {
            "difference": rounded(self.difference),
            "n": self.n,
            "clusters": self.clusters,
            "power": POWER,
            "given": self.given,
        }


def detectable_between(
    n: int,
    clusters: int | None = None,
    *,
    discordance: float = DISCORDANCE,
    correlation: float = CORRELATION,
) -> Detectable:
    """The smallest difference of two runs on the same n observations.

    discordance  share of items on which they differ
    correlation  of observations in one cluster

    Source: Connor, Sample size for testing differences in proportions for the paired-sample design, Biometrics 43
    (1987), with n over the design effect 1 + (n / clusters - 1) * correlation.
    """
    groups, worth, error = _worth(n, clusters, correlation)
    given = f"where the runs differ on {100 * discordance:.0f} % of the items"
    if worth is None:
        return Detectable(difference=None, n=n, clusters=groups, given=given)
    # delta = (error * sqrt(d) + power * sqrt(d - delta^2)) / sqrt(n), solved for delta.
    beyond = error * math.sqrt(discordance / worth)
    power = normal_quantile(POWER) / math.sqrt(worth)
    square = 1 + power * power
    inside = beyond**2 - square * (beyond**2 - power**2 * discordance)
    difference = (beyond + math.sqrt(inside)) / square if inside >= 0 else math.inf
    found = difference if difference < discordance else None
    return Detectable(difference=found, n=n, clusters=groups, given=given)


def detectable_from(
    figure: float, n: int, clusters: int | None = None, *, correlation: float = CORRELATION
) -> Detectable:
    """The smallest difference of a run from a fixed figure, such as a published one, upwards or downwards.

    Source: the power of the score test of one share, as in Fleiss, Levin and Paik, Statistical Methods for Rates and
    Proportions (2003), 2.4.
    """
    groups, worth, error = _worth(n, clusters, correlation)
    given = f"against a figure of {100 * figure:.1f} %"
    found = None
    if worth is not None:
        ways = [_one_way(figure, sign, worth, error) for sign in (-1.0, 1.0)]
        shown = [each for each in ways if each is not None]
        found = max(shown, default=None)
    return Detectable(difference=found, n=n, clusters=groups, given=given)


def _worth(n: int, clusters: int | None, correlation: float) -> tuple[int, float | None, float]:
    """Clusters, the independent observations that n are worth, and the standard errors that a test asks for."""
    groups = n if clusters is None else clusters
    if groups < 2:
        return groups, None, math.inf
    worth = n / (1 + (n / groups - 1) * correlation)
    return groups, worth, t_quantile(0.5 + CONFIDENCE / 2, groups - 1)


def _one_way(figure: float, sign: float, worth: float, error: float) -> float | None:
    """By halving: the further away, the more surely found."""
    room = figure if sign < 0 else 1 - figure

    def is_found(difference: float) -> bool:
        truth = figure + sign * difference
        wanted = error * math.sqrt(figure * (1 - figure)) + normal_quantile(POWER) * math.sqrt(
            max(0.0, truth * (1 - truth))
        )
        return difference * math.sqrt(worth) >= wanted

    if room <= 0 or not is_found(room):
        return None
    low, high = 0.0, room
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high
