"""Two runs on the same items: what differs, by how much, and whether chance alone would bring it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gptoss.errors import EvalError, shown
from gptoss.evals.grade import Outcome
from gptoss.evals.play import Play
from gptoss.evals.report.records import PlayRecord, records
from gptoss.evals.statistics import (
    Difference,
    Estimate,
    holm,
    mean_score,
    paired_difference,
    ratio,
    rounded,
)

# Without which a score is another thing.
_RULES = ("protocol", "version", "judge", "sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two runs.

    settings  as the run's folder keeps them, see `gptoss.evals.run.RunSettings`
    """

    name: str
    settings: Mapping[str, object]
    plays: Iterable[Play]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """An item that the runs score differently, each as the mean of its repeats, and how it ended most often."""

    item: str
    before: float
    after: float
    outcomes: tuple[str, str]

    def to_dict(self) -> dict[str, object]:
        """The item for JSON."""
        return {
            "item": self.item,
            "before": rounded(self.before),
            "after": rounded(self.after),
            "outcomes": list(self.outcomes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """B against A, on the items that both have graded.

    categories  by the category's name and its value
    adjusted    their p, corrected for their number (Holm), by name and value
    tokens      written by B for each that A wrote, on the same samples; None: nobody counted
    up, down    items on which B scores higher, and lower, the largest differences first
    only        items that one run alone has, A's and B's
    ungraded    items that both have, and that A or B has not graded
    settings    where the runs differ, in words
    warnings    what forbids to take the difference for one of the models alone
    """

    suite: str
    names: tuple[str, str]
    scores: tuple[Estimate, Estimate]
    difference: Difference
    categories: Mapping[str, Mapping[str, Difference]]
    adjusted: Mapping[tuple[str, str], float]
    tokens: Estimate | None
    up: Sequence[Flip]
    down: Sequence[Flip]
    only: tuple[int, int]
    ungraded: tuple[int, int]
    settings: Sequence[str]
    warnings: Sequence[str]

    def to_dict(self) -> dict[str, object]:
        """The comparison for JSON."""
        return {
            "suite": self.suite,
            "names": list(self.names),
            "scores": [each.to_dict() for each in self.scores],
            "difference": self.difference.to_dict(),
            "categories": {
                name: {
                    value: each.to_dict() | {"p_adjusted": rounded(self.adjusted[name, value])}
                    for value, each in values.items()
                }
                for name, values in self.categories.items()
            },
            "tokens": self.tokens and self.tokens.to_dict(),
            "up": [each.to_dict() for each in self.up],
            "down": [each.to_dict() for each in self.down],
            "only": list(self.only),
            "ungraded": list(self.ungraded),
            "settings": list(self.settings),
            "warnings": list(self.warnings),
        }


@dataclass(slots=True)
class _Item:
    """An item over its repeats."""

    cluster: str
    category: tuple[tuple[str, str], ...]
    scores: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def mean(self) -> float:
        # Sums of parts differ in their last place by their order.
        return round(sum(self.scores) / len(self.scores), 9)

    @property
    def outcome(self) -> str:
        """That which came most often, the first by name of equals."""
        return min(self.outcomes, key=lambda name: (-self.outcomes[name], name))


def compare(before: Side, after: Side, *, anyway: bool = False) -> Comparison:
    """Compare B, the second, with A.

    Raises EvalError for runs of different suites, or that share no graded item; and, unless it is to be done `anyway`,
    for those whose protocol, version, judge or data differ.
    """
    settings = _differences(before.settings, after.settings)
    suite = str(before.settings.get("suite"))
    if before.settings.get("suite") != after.settings.get("suite"):
        raise EvalError(
            f"{before.name} is a run of {shown(suite)} and {after.name} one of {shown(after.settings.get('suite'))}: "
            "compare runs of one suite"
        )
    plays = records(before.plays), records(after.plays)
    warnings = [each for each in settings if each.partition(" ")[0].partition(".")[0] in _RULES]
    warnings += _other_questions(before.settings, *plays)
    if warnings and not anyway:
        raise EvalError(
            f"{before.name} and {after.name} do not score the same thing: {'; '.join(warnings)}. Ask both alike, or "
            "compare them anyway (--anyway), which the comparison then says"
        )
    items = _items(plays[0]), _items(plays[1])
    common = sorted(items[0].keys() & items[1].keys())
    shared = [each for each in common if items[0][each].scores and items[1][each].scores]
    if not shared:
        raise EvalError(
            f"{before.name} and {after.name} have no graded item in common: compare runs of the same samples"
        )
    categories = _by_category(*items, shared)
    flips = [_flip(each, *items) for each in shared if items[0][each].mean != items[1][each].mean]
    flips.sort(key=lambda each: (-abs(each.after - each.before), each.item))
    return Comparison(
        suite=suite,
        names=(before.name, after.name),
        scores=(_score(items[0], shared), _score(items[1], shared)),
        difference=_difference(*items, shared),
        categories=categories,
        adjusted=holm(
            {
                (name, value): each.p
                for name, values in categories.items()
                for value, each in values.items()
            }
        ),
        tokens=_tokens(*plays),
        up=[each for each in flips if each.after > each.before],
        down=[each for each in flips if each.after < each.before],
        only=(len(items[0].keys() - items[1].keys()), len(items[1].keys() - items[0].keys())),
        ungraded=(
            sum(not items[0][each].scores for each in common),
            sum(not items[1][each].scores for each in common),
        ),
        settings=settings,
        warnings=warnings,
    )


def _differences(
    before: Mapping[str, object], after: Mapping[str, object], place: str = ""
) -> list[str]:
    """Settings that differ, each as `NAME is X in A, Y in B`."""
    found = []
    for name in sorted({*before, *after}):
        old, new, where = before.get(name), after.get(name), f"{place}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{where}.")
        elif old != new:
            found.append(f"{where} is {shown(old)} in A, {shown(new)} in B")
    return found


def _other_questions(
    settings: Mapping[str, object], before: Sequence[PlayRecord], after: Sequence[PlayRecord]
) -> list[str]:
    """A warning where samples of one id ask something else: generated ones of another seed, other few-shot examples."""
    asked = {(play.sample, play.repeat): play.asked for play in before if play.asked}
    pairs = [
        (asked[key], play.asked)
        for play in after
        if play.asked and (key := (play.sample, play.repeat)) in asked
    ]
    differing = sum(first != second for first, second in pairs)
    # Options of one question may be shuffled by the seed; samples of no file are made by it.
    if not differing or settings.get("sources"):
        return []
    return [
        f"the first question is another in {differing:,} of {len(pairs):,} samples, as with another seed"
    ]


def _items(plays: Sequence[PlayRecord]) -> dict[str, _Item]:
    found: dict[str, _Item] = {}
    for play in plays:
        for item in play.items:
            kept = found.setdefault(item.id, _Item(item.cluster, item.category))
            kept.outcomes[str(item.outcome)] += 1
            if item.outcome is not Outcome.UNGRADED:
                kept.scores.append(item.score)
    return found


def _score(items: Mapping[str, _Item], shared: Sequence[str]) -> Estimate:
    return mean_score(
        [items[each].mean for each in shared], [items[each].cluster for each in shared]
    )


def _difference(
    before: Mapping[str, _Item], after: Mapping[str, _Item], shared: Sequence[str]
) -> Difference:
    return paired_difference(
        [before[each].mean for each in shared],
        [after[each].mean for each in shared],
        [before[each].cluster for each in shared],
    )


def _by_category(
    before: Mapping[str, _Item], after: Mapping[str, _Item], shared: Sequence[str]
) -> dict[str, dict[str, Difference]]:
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in shared:
        for name, value in before[each].category:
            groups[name][value].append(each)
    return {
        name: {value: _difference(before, after, ids) for value, ids in sorted(values.items())}
        for name, values in sorted(groups.items())
    }


def _flip(item: str, before: Mapping[str, _Item], after: Mapping[str, _Item]) -> Flip:
    old, new = before[item], after[item]
    return Flip(item=item, before=old.mean, after=new.mean, outcomes=(old.outcome, new.outcome))


def _tokens(before: Sequence[PlayRecord], after: Sequence[PlayRecord]) -> Estimate | None:
    written: tuple[dict[str, list[int]], ...] = (defaultdict(list), defaultdict(list))
    cluster = {}
    for kept, plays in zip(written, (before, after), strict=True):
        for play in plays:
            kept[play.sample].append(play.usage.completion_tokens)
            cluster[play.sample] = play.cluster
    samples = sorted(written[0].keys() & written[1].keys())
    means = [np.array([np.mean(kept[each]) for each in samples]) for kept in written]
    if not samples or not means[0].any() or not means[1].any():
        return None
    return ratio(means[1], means[0], [cluster[each] for each in samples])
