"""Charts as inline SVG, whose lengths are shares of the width that there is."""

from gptoss.evals.report.charts.curve import curve
from gptoss.evals.report.charts.intervals import intervals
from gptoss.evals.report.charts.spreads import spreads
from gptoss.evals.report.charts.stack import stack

__all__ = ["curve", "intervals", "spreads", "stack"]
