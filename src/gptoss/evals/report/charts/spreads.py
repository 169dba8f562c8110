"""Quartiles of counts, below each other."""

from __future__ import annotations

from gptoss.evals.report.blocks import Spreads
from gptoss.evals.report.charts.scale import Scale, axis, drawing, grid, percent, upright
from gptoss.evals.report.markup import Markup, figure, tag
from gptoss.evals.statistics import Spread

_HEIGHT = 38.0
# So that a box of one value is seen.
_THINNEST = 0.6


def spreads(block: Spreads) -> Markup:
    """A box over the middle half of each group, and a line at its median, on a logarithmic axis."""
    ends = [value for _, _, each in block.rows for value in (each.lower, each.upper)]
    scale = Scale.of_counts(ends)
    rows = [
        tag(
            "tr",
            tag("th", label, scope="row"),
            tag(
                "td",
                drawing(_HEIGHT, grid(scale, _HEIGHT), _box(found, kind, scale)),
                class_="track",
            ),
            tag(
                "td",
                figure(str(found.median)),
                tag("br"),
                tag("small", found.quartiles),
                class_="figure",
            ),
        )
        for label, kind, found in block.rows
    ]
    foot = tag(
        "tr",
        tag("th", block.unit),
        tag("td", axis(scale), class_="track"),
        tag("td", ""),
        class_="axis",
        aria_hidden="true",
    )
    return tag("table", *rows, foot, class_="chart")


def _box(found: Spread, kind: str, scale: Scale) -> Markup:
    low, high = scale.place(found.lower), scale.place(found.upper)
    middle = scale.place(found.median.mean)
    return tag(
        "g",
        tag(
            "rect",
            x=percent(low),
            y=10,
            width=percent(max(high - low, _THINNEST)),
            height=_HEIGHT - 20,
            rx=3,
            class_="box",
        ),
        upright(middle, 7, _HEIGHT - 7, class_="median"),
        class_=f"kind-{kind.replace(' ', '-') or 'plain'}",
    )
