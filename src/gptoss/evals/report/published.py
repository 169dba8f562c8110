"""Published figures beside a run's score, and all that forbids to hold the two against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gptoss.evals.report.blocks import Mark, Paragraph
from gptoss.evals.report.facts import RunFacts
from gptoss.evals.report.markup import plain
from gptoss.evals.report.summary import Summary
from gptoss.evals.statistics import detectable_from, rounded

_EFFORTS = ("low", "medium", "high")
# Of items: where more are not graded, the score may be another one by more than rounding.
_MOST_UNGRADED = 0.01


def obstacles(facts: RunFacts, summary: Summary, label: str) -> list[str]:
    """Reasons why the score must not be compared with the published figure of that label."""
    found = []
    if facts.asked < facts.samples:
        found.append(f"{facts.asked:,} of {facts.samples:,} samples were asked")
    if missing := num_missing(facts, summary):
        found.append(f"{missing:,} plays are missing")
    if summary.ungraded > _MOST_UNGRADED * summary.items:
        found.append(f"{summary.ungraded:,} of {summary.items:,} items are not graded")
    found += facts.deviations()
    found += [
        f"{source.name} is not the published file"
        if source.known is False
        else f"nothing is known of the hash of {source.name}"
        for source in facts.sources
        if source.known is not True
    ]
    named = [effort for effort in _EFFORTS if re.search(rf"\b{effort}\b", label)]
    if named and facts.sampling.effort not in named:
        found.append(f"the effort is {facts.sampling.effort}, the figure's is {named[0]}")
    return found


def num_missing(facts: RunFacts, summary: Summary) -> int:
    """Plays that the run is to have and has not, whether nobody answered or nobody was asked yet."""
    return max(0, facts.asked * facts.repeats - summary.plays)


def marks(facts: RunFacts, summary: Summary) -> list[Mark]:
    """Published figures and a random answerer's, as lines of a chart."""
    found = []
    for label, value in facts.card.published.items():
        is_like = not obstacles(facts, summary, label)
        words = plain(label) if is_like else f"{plain(label)}, not comparable (see above)"
        found.append(Mark(words, value, is_like))
    if facts.card.chance is not None:
        found.append(Mark("a random answerer", facts.card.chance, False))
    return found


def published_paragraphs(facts: RunFacts, summary: Summary) -> Iterator[Paragraph]:
    """Each figure with what may be said of it."""
    score = summary.score
    if score is None:
        return
    for label, figure in facts.card.published.items():
        said = f"{plain(label)} publishes {100 * figure:.1f} %, without an interval"
        reasons = obstacles(facts, summary, label)
        if reasons:
            told = "; ".join(plain(each) for each in reasons)
            yield Paragraph(f"{said}. This run must not be compared with it: {told}.", True)
            continue
        verdict = "lies" if score.includes(figure) else "does not lie"
        shown = detectable_from(figure, score.n, score.clusters)
        judge = ""
        if facts.card.judge:
            judge = " Another judge than the figure's alone can move the score by a point."
        yield Paragraph(
            f"{said}. It {verdict} in this run's interval; such a run can show {shown}.{judge}"
        )


def published_json(facts: RunFacts, summary: Summary) -> list[dict[str, object]]:
    """The same for programs."""
    found: list[dict[str, object]] = []
    for label, figure in facts.card.published.items():
        reasons = obstacles(facts, summary, label)
        is_inside = None if summary.score is None else summary.score.includes(figure)
        found.append(
            {
                "label": label,
                "figure": rounded(figure),
                "comparable": not reasons,
                "obstacles": reasons,
                "in_interval": is_inside,
            }
        )
    return found
