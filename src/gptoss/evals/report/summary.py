"""The figures of a run, each with its interval and n."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gptoss.evals.grade import JUDGE_FAILED, JUDGED, Outcome
from gptoss.evals.play import Play
from gptoss.evals.report.records import ItemRecord, PlayRecord, records
from gptoss.evals.statistics import (
    Estimate,
    Spread,
    calibration_error,
    mean_score,
    ratio,
    spread,
)

# Of stages and finish reasons; further ones are counted together.
_MOST_NAMES = 12
OTHERS = "(others)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Items of one category.

    score     of those that are graded; None: none is
    cut_off   share of items whose play was ended by the limit of tokens
    ungraded  items of which nothing is known
    """

    score: Estimate | None
    cut_off: Estimate
    ungraded: int

    def to_dict(self) -> dict[str, object]:
        """The figures for JSON."""
        return {
            "score": _dict(self.score),
            "cut_off": self.cut_off.to_dict(),
            "ungraded": self.ungraded,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFigures:
    """Tokens of a group of plays; `score` of their graded items, where there are any."""

    reasoning: Spread
    answer: Spread
    cut_off: Estimate
    score: Estimate | None

    def to_dict(self) -> dict[str, object]:
        """The figures for JSON."""
        return {
            "score": _dict(self.score),
            "reasoning": self.reasoning.to_dict(),
            "answer": self.answer.to_dict(),
            "cut_off": self.cut_off.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What differs between two runs that find the same: on another day, or with a stop in the middle.

    seconds            of a play, waiting included
    tokens_per_second  that one play gets, while others run beside it
    wall_s             of the whole run, where it is known
    """

    seconds: Spread | None
    tokens_per_second: Estimate | None
    wall_s: float | None
    plays: int
    tokens: int

    def to_dict(self) -> dict[str, object]:
        """The figures for JSON."""
        return {
            "seconds": self.seconds and self.seconds.to_dict(),
            "tokens_per_second": _dict(self.tokens_per_second),
            "wall_s": self.wall_s,
            "plays": self.plays,
            "tokens": self.tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run in figures.

    score       of all graded items; None: there is none
    categories  by the category's name and its value
    outcomes    shares of all items, ungraded ones among them
    reasons     why items are not graded, shares of all items
    stages      by which an answer was found, shares of the graded items
    finishes    why answers ended, shares of them
    judged      share of a judge's answers that made sense; None: none was asked
    calibration
                error of the confidence that graded items state; None: none states any
    repaired    share of answers that left the chat format; None: nobody counted
    outcome_tokens, effort_tokens
                by the outcome of a play, and by the effort that it was asked with
    tokens_per_right
                written for each item that is right
    """

    samples: int
    plays: int
    items: int
    ungraded: int
    score: Estimate | None
    categories: Mapping[str, Mapping[str, GroupFigures]]
    outcomes: Mapping[str, Estimate]
    reasons: Mapping[str, Estimate]
    stages: Mapping[str, Estimate]
    finishes: Mapping[str, Estimate]
    judged: Estimate | None
    calibration: Estimate | None
    cut_off: Estimate | None
    repaired: Estimate | None
    prompt_tokens: int
    reasoning_tokens: int
    answer_tokens: int
    outcome_tokens: Mapping[str, TokenFigures]
    effort_tokens: Mapping[str, TokenFigures]
    tokens_per_right: Estimate | None
    timing: Timing

    def to_dict(self) -> dict[str, object]:
        """All but the timing, for JSON."""
        return {
            "samples": self.samples,
            "plays": self.plays,
            "items": self.items,
            "ungraded": self.ungraded,
            "score": _dict(self.score),
            "categories": {name: _dicts(groups) for name, groups in self.categories.items()},
            "outcomes": _dicts(self.outcomes),
            "reasons": _dicts(self.reasons),
            "stages": _dicts(self.stages),
            "finishes": _dicts(self.finishes),
            "judged": _dict(self.judged),
            "calibration": _dict(self.calibration),
            "cut_off": _dict(self.cut_off),
            "repaired": _dict(self.repaired),
            "tokens": {
                "prompt": self.prompt_tokens,
                "reasoning": self.reasoning_tokens,
                "answer": self.answer_tokens,
                "per_right_item": _dict(self.tokens_per_right),
                "by_outcome": _dicts(self.outcome_tokens),
                "by_effort": _dicts(self.effort_tokens),
            },
        }


def summarise(plays: Iterable[Play], *, wall_s: float | None = None) -> Summary:
    """The figures of plays, in whatever order they come; the same plays give the same figures, but for timing."""
    kept = records(plays)
    pairs = [(play, item) for play in kept for item in play.items]
    items = [item for _, item in pairs]
    graded = [item for item in items if item.outcome is not Outcome.UNGRADED]
    answers = [play for play in kept if play.answers]
    by_outcome, by_effort = defaultdict(list), defaultdict(list)
    for play in answers:
        by_outcome[str(play.outcome)].append(play)
        by_effort[play.effort].append(play)
    return Summary(
        samples=len({play.sample for play in kept}),
        plays=len(kept),
        items=len(items),
        ungraded=len(items) - len(graded),
        score=_score(graded),
        categories=_categories(pairs),
        outcomes=_outcomes(items),
        reasons=_named([item.ungraded for item in items], items),
        stages=_named([item.stage for item in graded], graded),
        finishes=_finishes(answers),
        judged=_judged(items),
        calibration=_calibration(graded),
        cut_off=_cut_off(answers) if answers else None,
        repaired=_repaired(answers),
        prompt_tokens=sum(play.usage.prompt_tokens for play in kept),
        reasoning_tokens=sum(play.usage.reasoning_tokens for play in kept),
        answer_tokens=sum(play.answer_tokens for play in kept),
        outcome_tokens={
            str(name): _tokens(by_outcome[name]) for name in Outcome if name in by_outcome
        },
        effort_tokens={name: _tokens(by_effort[name]) for name in _ordered_efforts(by_effort)},
        tokens_per_right=_tokens_per_right(answers),
        timing=_timing(answers, wall_s),
    )


def _score(items: Sequence[ItemRecord]) -> Estimate | None:
    if not items:
        return None
    return mean_score([item.score for item in items], [item.cluster for item in items])


def _categories(
    pairs: Sequence[tuple[PlayRecord, ItemRecord]],
) -> dict[str, dict[str, GroupFigures]]:
    groups: dict[str, dict[str, list[tuple[PlayRecord, ItemRecord]]]] = {}
    for pair in pairs:
        for name, value in pair[1].category:
            groups.setdefault(name, {}).setdefault(value, []).append(pair)
    return {
        name: {value: _group(values[value]) for value in sorted(values)}
        for name, values in sorted(groups.items())
    }


def _group(pairs: Sequence[tuple[PlayRecord, ItemRecord]]) -> GroupFigures:
    graded = [item for _, item in pairs if item.outcome is not Outcome.UNGRADED]
    return GroupFigures(
        score=_score(graded),
        cut_off=mean_score([play.is_cut for play, _ in pairs], [item.cluster for _, item in pairs]),
        ungraded=len(pairs) - len(graded),
    )


def _outcomes(items: Sequence[ItemRecord]) -> dict[str, Estimate]:
    if not items:
        return {}
    clusters = [item.cluster for item in items]
    return {
        str(outcome): mean_score([item.outcome is outcome for item in items], clusters)
        for outcome in Outcome
    }


def _named(names: Sequence[str], items: Sequence[ItemRecord]) -> dict[str, Estimate]:
    """The shares of names among items, some of which have none."""
    shares = _shares(names, [item.cluster for item in items])
    return {name: share for name, share in shares.items() if name}


def _judged(items: Sequence[ItemRecord]) -> Estimate | None:
    asked = [item for item in items if item.stage in (JUDGED, JUDGE_FAILED)]
    if not asked:
        return None
    return mean_score([item.stage == JUDGED for item in asked], [item.cluster for item in asked])


def _calibration(items: Sequence[ItemRecord]) -> Estimate | None:
    stated = [(item.confidence, item) for item in items if item.confidence is not None]
    if not stated:
        return None
    return calibration_error(
        [confidence for confidence, _ in stated],
        [item.score for _, item in stated],
        [item.cluster for _, item in stated],
    )


def _finishes(plays: Sequence[PlayRecord]) -> dict[str, Estimate]:
    """Of answers: a play of several questions has several."""
    reasons = [
        (name, play.cluster)
        for play in plays
        for name, count in play.finishes
        for _ in range(count)
    ]
    return _shares([name for name, _ in reasons], [cluster for _, cluster in reasons])


def _shares(names: Sequence[str], clusters: Sequence[Hashable]) -> dict[str, Estimate]:
    """Of each name, the most frequent ones first; a server may say another one each time."""
    ordered = sorted(Counter(names).items(), key=lambda each: (-each[1], each[0]))
    kept = [name for name, _ in ordered[:_MOST_NAMES]]
    found = {name: mean_score([each == name for each in names], clusters) for name in kept}
    if len(ordered) > len(kept):
        shown = set(kept)
        found[OTHERS] = mean_score([each not in shown for each in names], clusters)
    return found


def _cut_off(plays: Sequence[PlayRecord]) -> Estimate:
    return mean_score([play.is_cut for play in plays], _clusters(plays))


def _repaired(plays: Sequence[PlayRecord]) -> Estimate | None:
    counted = [
        (index < play.repaired[0], play.cluster)
        for play in plays
        for index in range(play.repaired[1])
    ]
    if not counted:
        return None
    return mean_score([each for each, _ in counted], [cluster for _, cluster in counted])


def _tokens(plays: Sequence[PlayRecord]) -> TokenFigures:
    clusters = _clusters(plays)
    graded = [item for play in plays for item in play.items if item.outcome is not Outcome.UNGRADED]
    return TokenFigures(
        reasoning=spread([play.usage.reasoning_tokens for play in plays], clusters),
        answer=spread([play.answer_tokens for play in plays], clusters),
        cut_off=_cut_off(plays),
        score=_score(graded),
    )


def _tokens_per_right(plays: Sequence[PlayRecord]) -> Estimate | None:
    if not any(play.usage.completion_tokens for play in plays):
        return None
    rights = [sum(item.outcome is Outcome.RIGHT for item in play.items) for play in plays]
    return ratio([play.usage.completion_tokens for play in plays], rights, _clusters(plays))


def _timing(plays: Sequence[PlayRecord], wall_s: float | None) -> Timing:
    seconds = np.array([play.seconds for play in plays])
    tokens = np.array([play.usage.completion_tokens for play in plays])
    is_timed = bool(seconds.any())
    return Timing(
        seconds=spread(seconds, _clusters(plays)) if is_timed else None,
        tokens_per_second=ratio(tokens, seconds, _clusters(plays)) if is_timed else None,
        wall_s=wall_s,
        plays=len(plays),
        tokens=int(tokens.sum()),
    )


def _clusters(plays: Sequence[PlayRecord]) -> list[Hashable]:
    return [play.cluster for play in plays]


def _ordered_efforts(names: Iterable[str]) -> list[str]:
    order = {"low": 0, "medium": 1, "high": 2}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def _dict(estimate: Estimate | None) -> dict[str, object] | None:
    return None if estimate is None else estimate.to_dict()


def _dicts(
    figures: Mapping[str, Estimate] | Mapping[str, GroupFigures] | Mapping[str, TokenFigures],
) -> dict[str, object]:
    return {name: each.to_dict() for name, each in figures.items()}
