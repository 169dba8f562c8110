"""Intervals, comparisons and plans of evaluations, over plain arrays and NumPy alone."""

from gptoss.evals.statistics.calibration import calibration_error
from gptoss.evals.statistics.estimate import CONFIDENCE, Estimate, Method, Unit, rounded
from gptoss.evals.statistics.intervals import mean_score
from gptoss.evals.statistics.paired import Difference, holm, mcnemar, p_text, paired_difference
from gptoss.evals.statistics.planning import Detectable, detectable_between, detectable_from
from gptoss.evals.statistics.resampling import Spread, ratio, spread

__all__ = [
    "CONFIDENCE",
    "Detectable",
    "Difference",
    "Estimate",
    "Method",
    "Spread",
    "Unit",
    "calibration_error",
    "detectable_between",
    "detectable_from",
    "holm",
    "mcnemar",
    "mean_score",
    "p_text",
    "paired_difference",
    "ratio",
    "rounded",
    "spread",
]
