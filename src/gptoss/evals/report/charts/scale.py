"""Places of values along an axis, in per cent of its length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gptoss.evals.report.markup import Markup, joined, tag

# So that dots and words at the ends are not cut.
_MARGIN = 2.0
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear axis, or a logarithmic one from 1."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def of_counts(cls, values: Sequence[float]) -> Scale:
        """A logarithmic axis that holds counts, ending at powers of ten."""
        finite = [value for value in values if value >= 1 and math.isfinite(value)] or [1.0]
        low = 10.0 ** math.floor(math.log10(min(finite)))
        high = 10.0 ** math.ceil(math.log10(max(finite)))
        return cls(low, max(high, 10 * low), True)

    def place(self, value: float) -> float:
        """Where a value is, in per cent; one beyond an end is at the end."""
        held = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(held / self.low) / math.log(self.high / self.low)
        else:
            share = (held - self.low) / (self.high - self.low)
        return _MARGIN + (100 - 2 * _MARGIN) * share

    def ticks(self) -> list[float]:
        """Round values along it."""
        if self.is_log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        step = next((each for each in _STEPS if (self.high - self.low) / each <= 5), 1.0)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def percent(place: float) -> str:
    """A length of SVG."""
    return f"{round(place, 2):g}%"


def upright(place: float, top: float, bottom: float, **more: str) -> Markup:
    """A line across an axis."""
    return tag("line", x1=percent(place), x2=percent(place), y1=top, y2=bottom, **more)


def level(start: float, end: float, height: float, **more: str) -> Markup:
    """A line along an axis."""
    return tag("line", x1=percent(start), x2=percent(end), y1=height, y2=height, **more)


def drawing(height: float, *parts: str) -> Markup:
    """A picture as wide as there is room; words beside it say what it shows."""
    return tag("svg", *parts, width="100%", height=height, aria_hidden="true")


def axis(scale: Scale, unit: str = "") -> Markup:
    """The names of the ticks."""
    names = []
    for tick in scale.ticks():
        place = scale.place(tick)
        anchor = "start" if place < 8 else "end" if place > 92 else "middle"
        name = f"{tick:,.0f}" if scale.is_log else f"{100 * tick:.0f}{unit}"
        names.append(
            tag("text", name.replace("-", "−"), x=percent(place), y=13, text_anchor=anchor)
        )
    return drawing(18, *names)


def grid(scale: Scale, height: float) -> Markup:
    """A thin line at each tick."""
    return joined(*(upright(scale.place(tick), 0, height, class_="grid") for tick in scale.ticks()))
