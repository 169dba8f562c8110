"""Shares of one whole as a bar."""

from __future__ import annotations

from gptoss.evals.report.blocks import Stack
from gptoss.evals.report.charts.scale import drawing, percent
from gptoss.evals.report.markup import Markup, tag

_HEIGHT = 30.0


def stack(block: Stack) -> Markup:
    """A bar whose parts are as long as their shares; the figures are in the rows below it."""
    start, parts = 0.0, []
    for row in block.rows:
        share = 100 * row.figure.mean if row.figure else 0.0
        if share > 0:
            kind = row.kind.replace(" ", "-")
            parts.append(
                tag(
                    "rect",
                    x=percent(start),
                    y=0,
                    width=percent(share),
                    height=_HEIGHT,
                    class_=f"part kind-{kind}",
                )
            )
        start += share
    return tag("div", drawing(_HEIGHT, *parts), class_="stack")
