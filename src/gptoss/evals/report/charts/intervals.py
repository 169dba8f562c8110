"""Figures with their intervals, below each other."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss.evals.report.blocks import Intervals, Mark, Row
from gptoss.evals.report.charts.scale import Scale, axis, drawing, grid, level, percent, upright
from gptoss.evals.report.markup import Markup, figure, joined, tag

# Of a row, and of one with a second line of words.
_LOW, _TALL = 26.0, 38.0


def intervals(block: Intervals) -> Markup:
    """A dot for each mean, a line for its interval, and upright lines for what it is held against."""
    scale = Scale(-block.end if block.is_signed else 0.0, block.end)
    height = _TALL if any(row.note for row in block.rows) else _LOW
    back = joined(grid(scale, height), *_marks(block, scale, height))
    rows = [
        tag(
            "tr",
            tag("th", row.label, scope="row"),
            tag("td", drawing(height, back, _row(row, scale, height / 2)), class_="track"),
            tag("td", figure(str(row.figure or "no graded item")), *_note(row), class_="figure"),
        )
        for row in block.rows
    ]
    foot = tag(
        "tr",
        tag("th", ""),
        tag("td", axis(scale, "" if block.is_signed else " %"), class_="track"),
        tag("td", ""),
        class_="axis",
        aria_hidden="true",
    )
    return joined(tag("table", *rows, foot, class_="chart"), _legend(block.marks))


def _row(row: Row, scale: Scale, middle: float) -> Markup:
    if row.figure is None:
        return Markup("")
    low, high = scale.place(row.figure.low), scale.place(row.figure.high)
    return tag(
        "g",
        level(low, high, middle, class_="whisker"),
        upright(low, middle - 4, middle + 4, class_="whisker"),
        upright(high, middle - 4, middle + 4, class_="whisker"),
        tag("circle", cx=percent(scale.place(row.figure.mean)), cy=middle, r=4.5, class_="dot"),
        class_=f"kind-{row.kind.replace(' ', '-') or 'plain'}",
    )


def _marks(block: Intervals, scale: Scale, height: float) -> list[Markup]:
    found = [
        upright(
            scale.place(mark.value), 0, height, class_="mark" if mark.is_like else "mark unlike"
        )
        for mark in block.marks
    ]
    if block.is_signed:
        found.append(upright(scale.place(0.0), 0, height, class_="zero"))
    return found


def _legend(marks: Sequence[Mark]) -> Markup:
    if not marks:
        return Markup("")
    entries = [
        tag(
            "li",
            tag("span", class_="line" if mark.is_like else "line unlike"),
            f"{mark.label}: {100 * mark.value:.1f} %",
        )
        for mark in marks
    ]
    return tag("ul", *entries, class_="legend")


def _note(row: Row) -> list[Markup]:
    return [tag("br"), tag("small", row.note)] if row.note else []
