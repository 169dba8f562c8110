"""How far stated confidence is from being right, and how much of a judge's work made sense."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from gptoss.evals.benchmarks.judge import FAULT, JUDGED
from gptoss.evals.grade import Item, Outcome

_BIN = 100


def calibration_error(items: Iterable[Item], num_bin: int = _BIN) -> float | None:
    """The root mean square difference of confidence and score, over bins of so many items in order of confidence.

    None where no item states one. All bins count: the authors' script leaves out the last one, of the most confident.
    """
    pairs = sorted(
        (float(confidence), item.grade.score)
        for item in items
        if item.grade.outcome is not Outcome.UNGRADED
        and isinstance(confidence := item.grade.details.get("confidence"), (int, float))
    )
    if not pairs:
        return None
    bounds = [*range(0, max(len(pairs) // num_bin, 1) * num_bin, num_bin), len(pairs)]
    total = 0.0
    for begin, end in pairwise(bounds):
        part = pairs[begin:end]
        difference = sum(confidence - score for confidence, score in part) / len(part)
        total += len(part) / len(pairs) * difference * difference
    return float(total**0.5)


def judged_share(items: Iterable[Item]) -> float | None:
    """The share of a judge's answers that made sense; None where none was asked."""
    stages = [item.grade.stage for item in items if item.grade.stage in (JUDGED, FAULT)]
    return stages.count(JUDGED) / len(stages) if stages else None
