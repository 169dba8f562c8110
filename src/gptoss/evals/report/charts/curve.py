"""A score over what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gptoss.evals.report.blocks import Curve
from gptoss.evals.report.charts.scale import Scale, axis, drawing, grid, level, percent, upright
from gptoss.evals.report.markup import Markup, joined, tag

_HEIGHT, _TOP, _BOTTOM = 240.0, 12.0, 228.0


def curve(block: Curve) -> Markup:
    """Points with the intervals of their scores, in their order, over the median cost on a logarithmic axis."""
    scale = Scale.of_counts([each.median.mean for _, each, _ in block.points])
    places = [
        (scale.place(cost.median.mean), _height(score.mean)) for _, cost, score in block.points
    ]
    joins = [
        tag(
            "line",
            x1=percent(start[0]),
            y1=start[1],
            x2=percent(end[0]),
            y2=end[1],
            class_="join",
        )
        for start, end in itertools.pairwise(places)
    ]
    points = [
        tag(
            "g",
            upright(place, _height(score.low), _height(score.high), class_="whisker"),
            tag("circle", cx=percent(place), cy=height, r=5, class_="dot"),
            tag("text", label, x=percent(place), y=height - 10, **_side(place)),
            class_="kind-plain",
        )
        for (label, _, score), (place, height) in zip(block.points, places, strict=True)
    ]
    lines = joined(grid(scale, _HEIGHT), *_levels())
    figures = [
        tag("li", tag("b", label), f" {score}; {block.unit}: {cost}")
        for label, cost, score in block.points
    ]
    picture = drawing(_HEIGHT, lines, *joins, *points)
    below = tag("div", axis(scale), tag("small", f"{block.unit}, median"), class_="below")
    return tag("div", picture, below, tag("ul", *figures), class_="curve")


def _height(score: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * score


def _side(place: float) -> dict[str, str]:
    """Words beside their point, away from the nearer end."""
    is_left = place < 50
    return {"text_anchor": "start" if is_left else "end", "dx": "8" if is_left else "-8"}


def _levels() -> Sequence[Markup]:
    found = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        height = _height(share)
        found.append(level(0, 100, height, class_="grid"))
        found.append(tag("text", f"{100 * share:.0f} %", x=0, y=height - 3, class_="level"))
    return found
