"""A figure that is never printed without its interval and the number of observations behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# Of every interval here.
CONFIDENCE = 0.95
# Of figures in JSON: far finer than any interval.
_DIGITS = 6


class Unit(StrEnum):
    """In what a figure is told."""

    SHARE = "share"
    """From 0 to 1, told in per cent."""
    DIFFERENCE = "difference"
    """Of two shares, told in points of per cent, with its sign."""
    NUMBER = "number"


class Method(StrEnum):
    """How an interval came about."""

    WILSON = "Wilson"
    """Wilson's score interval, of independent rights and wrongs."""
    CLUSTERED = "Wilson, clustered"
    """Wilson's interval at the size that the variance between clusters (CR1) is worth, with t for the normal."""
    UNVARIED = "Wilson, one a cluster"
    """All clusters scored alike, which says nothing of how alike their items are: each counts as one observation."""
    PAIRED = "paired t, clustered"
    """The mean of differences of the same items, with the variance between clusters (CR1) and t."""
    PAIRED_UNVARIED = "paired, nothing differs"
    """All clusters differ alike: as far from it as what was never seen in so many clusters can bring it."""
    BOOTSTRAP = "bootstrap of clusters"
    """Percentiles of figures of clusters drawn anew, with a fixed seed."""
    WOODRUFF = "Woodruff"
    """Quantiles at the ends of the clustered interval of the share below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval.

    n         observations, each repeat of an item counted
    clusters  of them, which alone are independent evidence

    As text it is all of this: `74.8 % (73.9 to 75.6, n 12,032)`. There is no format of the mean alone.
    """

    mean: float
    low: float
    high: float
    n: int
    clusters: int
    method: Method
    unit: Unit = Unit.SHARE

    def __str__(self) -> str:
        mark = {Unit.SHARE: " %", Unit.DIFFERENCE: " points", Unit.NUMBER: ""}[self.unit]
        low, high = self._told(self.low), self._told(self.high)
        has_bounds = math.isfinite(self.low) or math.isfinite(self.high)
        interval = f"{low} to {high}" if has_bounds else "no bounds"
        return f"{self._told(self.mean)}{mark} ({interval}, {self.size})"

    @property
    def size(self) -> str:
        """Observations and clusters in words."""
        grouped = "" if self.clusters == self.n else f" in {self.clusters:,} clusters"
        return f"n {self.n:,}{grouped}"

    def includes(self, value: float) -> bool:
        """Whether a value lies in the interval."""
        return self.low <= value <= self.high

    def to_dict(self) -> dict[str, object]:
        """The figure for JSON; what is beyond any bound is null."""
        return {
            "mean": rounded(self.mean),
            "low": rounded(self.low),
            "high": rounded(self.high),
            "n": self.n,
            "clusters": self.clusters,
            "method": str(self.method),
            "unit": str(self.unit),
        }

    def _told(self, value: float) -> str:
        match self.unit:
            case Unit.SHARE:
                return f"{100 * value:.1f}"
            case Unit.DIFFERENCE:
                # What rounds to nothing has no sign.
                text = f"{100 * value:+.1f}"
                return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
            case Unit.NUMBER:
                return number_text(value)


def number_text(value: float) -> str:
    """A number to three digits at least."""
    if math.isinf(value):
        return "infinite"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def rounded(value: float | None) -> float | None:
    """A figure as JSON has it."""
    return None if value is None or not math.isfinite(value) else round(float(value), _DIGITS)


def to_dicts(estimates: Mapping[str, Estimate]) -> dict[str, object]:
    """Figures by name, for JSON."""
    return {name: each.to_dict() for name, each in estimates.items()}
