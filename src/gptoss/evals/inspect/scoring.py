"""The scorer and the metrics: grades of our own, told as inspect-ai tells scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from inspect_ai.scorer import (
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    metric,
    scorer,
    stderr,
)
from inspect_ai.solver import TaskState

from gptoss.evals.grade import JUDGE_FAILED, Item, Outcome
from gptoss.evals.inspect.playing import graded_again, kept_items, kept_play
from gptoss.evals.inspect.suites import opened, require_sample
from gptoss.evals.statistics import mean_score

_ITEMS = "items"
_REASONS = {Outcome.NO_ANSWER: "no_response", Outcome.CUT_OFF: "cut off"}


@metric(name="figures", scores="unreduced")
def figures() -> Metric:
    """The score of all items that are graded, with the interval of `gptoss eval`, and how many there are.

    score, low, high  the mean, and its 95 % interval, in which repeats and steps of one sample are no new evidence
    n, clusters       items, and the samples that they are of
    ungraded          items of these samples of which nothing is known; a sample that has no other is unscored
    """

    def figure(scores: list[SampleScore]) -> dict[str, float]:
        items = [each for score in scores for each in (score.score.metadata or {})[_ITEMS]]
        graded = [each for each in items if each["outcome"] != Outcome.UNGRADED]
        found = mean_score([each["score"] for each in graded], [each["cluster"] for each in graded])
        return {
            "score": found.mean,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "clusters": found.clusters,
            "ungraded": len(items) - len(graded),
        }

    return figure


@scorer(name="grades", metrics=[figures(), stderr()])
def grades(judge: str | None = None) -> Scorer:
    """The grades of a suite; answers that another version or judge has graded are graded again.

    judge  in place of the run's, as the task has it; empty: none
    """

    async def score(state: TaskState, target: Target) -> Score:
        kept = kept_play(state)
        options = dict(kept["options"])
        if judge is not None:
            options["judge"] = judge or None
        suite = opened(kept["suite"], options, asks=False)
        items = kept_items(kept, suite)
        if items is None:
            sample = require_sample(suite, str(state.sample_id))
            items = await graded_again(kept, suite, sample, state.epoch - 1)
        return score_of(items)

    return score


def score_of(items: Sequence[Item]) -> Score:
    """The mean of a sample's items that are graded; unscored where none is."""
    graded = [each for each in items if each.grade.outcome is not Outcome.UNGRADED]
    first = items[0].grade if len(items) == 1 else None
    answer = None if first is None else first.found
    explanation = "\n".join(filter(None, map(_line, items))) or None
    metadata = {
        "outcome": None if first is None else str(first.outcome),
        "stage": None if first is None else first.stage,
        _ITEMS: [_told(each) for each in items],
    }
    if not graded:
        failed = any(each.grade.stage == JUDGE_FAILED for each in items)
        return Score.unscored(
            reason="grader_failed" if failed else "scoring_failed",
            answer=answer,
            explanation=explanation,
            metadata=metadata,
        )
    return Score(
        value=math.fsum(each.grade.score for each in graded) / len(graded),
        answer=answer,
        explanation=explanation,
        reason=None if first is None else _REASONS.get(first.outcome),
        metadata=metadata,
    )


def _told(item: Item) -> dict[str, Any]:
    grade = item.grade
    return {
        "id": item.id,
        "cluster": item.cluster,
        "category": dict(item.category),
        "outcome": str(grade.outcome),
        "score": grade.score,
        "found": grade.found,
        "stage": grade.stage,
        "reason": grade.reason,
        "details": dict(grade.details),
    }


def _line(item: Item) -> str:
    grade = item.grade
    stage = f" ({grade.stage})" if grade.stage else ""
    reason = f": {grade.reason}" if grade.reason else ""
    return f"{item.id} {grade.outcome}{stage}{reason}"
