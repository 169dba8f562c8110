"""The sections of a run's report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gptoss.evals.grade import Outcome
from gptoss.evals.report.blocks import (
    Block,
    Curve,
    Heading,
    Headline,
    Intervals,
    Pairs,
    Paragraph,
    Points,
    Row,
    Spreads,
    Stack,
    Table,
    end_of,
)
from gptoss.evals.report.facts import RunFacts
from gptoss.evals.report.markup import plain
from gptoss.evals.report.published import marks, num_missing, published_paragraphs
from gptoss.evals.report.summary import GroupFigures, Summary
from gptoss.evals.statistics import detectable_between

# Of a category, a reason or a failure; report.json has all of them.
MOST_ROWS = 40


def sections(facts: RunFacts, summary: Summary, *, level: int = 2) -> Iterator[Block]:
    """All of them but the timings."""
    yield from _score(facts, summary)
    yield from _outcomes(summary, level)
    yield from _categories(facts, summary, level)
    yield from _effort(summary, level)
    yield from _tokens(summary, level)
    yield from _answers(summary, level)
    yield from _protocol(facts, level)
    yield from _data(facts, level)
    yield from _asked(facts, level)


def _score(facts: RunFacts, summary: Summary) -> Iterator[Block]:
    counts = [
        f"{summary.items:,} items of {summary.samples:,} samples, asked {_times(facts.repeats)}",
        f"ungraded, and not in the score: {summary.ungraded:,}",
        f"plays not answered: {len(facts.failures):,}",
        f"rows of the data skipped: {sum(facts.skipped.values()):,}",
    ]
    yield Headline(summary.score, f"{'; '.join(counts)}. The brackets hold the 95 % interval.")
    if facts.asked < facts.samples:
        yield Paragraph(f"A part of the suite: {facts.asked:,} of {facts.samples:,} samples.", True)
    if missing := num_missing(facts, summary):
        yield Paragraph(f"Not finished: {missing:,} plays are still to be made.", True)
    if summary.score is None:
        return
    score = summary.score
    yield Paragraph(
        f"Against another run on the same items, it can show {detectable_between(score.n, score.clusters)}."
    )
    yield from published_paragraphs(facts, summary)


def _outcomes(summary: Summary, level: int) -> Iterator[Block]:
    if not summary.outcomes:
        return
    rows = [Row(name, share, kind=name) for name, share in summary.outcomes.items()]
    yield Heading("How items ended", level)
    yield Stack(rows)
    yield Intervals("outcome", rows)
    if summary.reasons:
        yield Heading("Why items are not graded", 3)
        yield Intervals(
            "reason", [Row(plain(name), share) for name, share in summary.reasons.items()]
        )


def _categories(facts: RunFacts, summary: Summary, level: int) -> Iterator[Block]:
    for name, groups in summary.categories.items():
        yield Heading(f"Score by {plain(name)}", level)
        shown = _largest(groups)
        if len(shown) < len(groups):
            yield Paragraph(f"The {len(shown)} largest of {len(groups):,}; report.json has all.")
        rows = [Row("all items", summary.score, kind="all")]
        rows += [
            Row(
                plain(value) or "(empty)",
                group.score,
                f"{group.ungraded:,} ungraded" if group.ungraded else "",
            )
            for value, group in shown.items()
        ]
        yield Intervals(plain(name), rows, marks(facts, summary))
        if any(group.cut_off.mean for group in groups.values()):
            cut = [
                Row(plain(value) or "(empty)", group.cut_off, kind=str(Outcome.CUT_OFF))
                for value, group in shown.items()
            ]
            yield Heading(f"Ended by the limit of tokens, by {plain(name)}", 3)
            yield Intervals(plain(name), cut, end=end_of(cut))


def _effort(summary: Summary, level: int) -> Iterator[Block]:
    points = [
        (plain(effort), figures.reasoning, figures.score)
        for effort, figures in summary.effort_tokens.items()
        if figures.score is not None
    ]
    if len(points) > 1:
        yield Heading("Effort against score", level)
        yield Curve("effort", "reasoning tokens", points)


def _tokens(summary: Summary, level: int) -> Iterator[Block]:
    if not summary.reasoning_tokens + summary.answer_tokens:
        if summary.plays:
            yield Heading("Tokens", level)
            yield Paragraph("Whoever answered counted no tokens.")
        return
    yield Heading("Tokens by outcome", level)
    for unit in ("reasoning", "answer"):
        rows = [
            (name, name, getattr(figures, unit)) for name, figures in summary.outcome_tokens.items()
        ]
        yield Spreads("outcome", f"{unit} tokens", rows)
    entries = {
        "in all": f"{summary.prompt_tokens:,} read, {summary.reasoning_tokens:,} thought, "
        f"{summary.answer_tokens:,} answered",
    }
    if summary.tokens_per_right:
        entries["written for each right item"] = str(summary.tokens_per_right)
    yield Pairs(entries)


def _answers(summary: Summary, level: int) -> Iterator[Block]:
    if summary.cut_off is None:
        return
    yield Heading("Answers", level)
    entries = {"plays ended by the limit of tokens": str(summary.cut_off)}
    if summary.repaired is not None:
        entries["answers that left the chat format"] = str(summary.repaired)
    entries |= {f"ended with {plain(name)}": str(share) for name, share in summary.finishes.items()}
    if summary.judged is not None:
        entries["judgements that made sense"] = str(summary.judged)
    if summary.calibration is not None:
        entries["calibration error of stated confidence"] = str(summary.calibration)
    yield Pairs(entries)
    if summary.stages:
        yield Heading("By which way an answer was read", 3)
        yield Intervals(
            "stage", [Row(plain(name), share) for name, share in summary.stages.items()]
        )


def _protocol(facts: RunFacts, level: int) -> Iterator[Block]:
    card = facts.card
    yield Heading("Protocol", level)
    yield Pairs(
        {
            "name": f"{plain(card.name)}, version {plain(card.version)}",
            "prompt": plain(card.prompt, 1000),
            "extraction": plain(card.extraction, 1000),
            "scoring": plain(card.scoring, 1000),
            "judge": plain(card.judge, 1000) or "none: programs grade",
            "repeats": f"{card.repeats:,}",
            "temperature": f"{card.temperature:g}",
            "top_p": f"{card.top_p:g}",
            "most tokens": "what the context holds"
            if card.max_tokens is None
            else f"{card.max_tokens:,}",
        }
    )
    deviations = facts.deviations()
    if deviations:
        yield Paragraph(f"Not as the protocol has it: {'; '.join(deviations)}.", True)
    else:
        yield Paragraph("All settings are the protocol's.")
    if card.differs:
        yield Heading("Known to differ, or to be wrong in the data", 3)
        yield Points([plain(each, 1000) for each in card.differs])


def _data(facts: RunFacts, level: int) -> Iterator[Block]:
    yield Heading("Data", level)
    if not facts.sources:
        yield Paragraph(f"No files: samples are generated from the seed {facts.sampling.seed}.")
    else:
        states = {True: "the published file", False: "not the published file", None: "not known"}
        yield Table(
            ("file", "rows", "sha256", "hash"),
            [
                (plain(each.name), f"{each.rows:,}", each.sha256, states[each.known])
                for each in facts.sources
            ],
        )
    if facts.skipped:
        yield Paragraph("Rows that are no samples, by the reason:")
        yield _counted("reason", facts.skipped)


def _asked(facts: RunFacts, level: int) -> Iterator[Block]:
    sampling = facts.sampling
    yield Heading("What was asked of whom", level)
    entries = {plain(name): plain(value, 400) for name, value in facts.identity.items()}
    entries |= {
        "effort": plain(sampling.effort),
        "temperature": f"{sampling.temperature:g}",
        "top_p": f"{sampling.top_p:g}",
        "most tokens": "what the context holds"
        if sampling.max_tokens is None
        else f"{sampling.max_tokens:,}",
        "seed": f"{sampling.seed}",
        "command": plain(facts.command, 2000),
    }
    yield Pairs(entries)
    if facts.failures:
        yield Heading("Plays that were not answered", 3)
        listed = list(facts.failures.items())[:MOST_ROWS]
        yield Table(("play", "reason"), [(plain(key), plain(text, 400)) for key, text in listed])
        if len(listed) < len(facts.failures):
            yield Paragraph(f"{len(facts.failures) - len(listed):,} more are in report.json.")


def timings(summary: Summary) -> Iterator[Block]:
    """What a run that was stopped and gone on with may differ in."""
    timing = summary.timing
    entries = {}
    if timing.wall_s:
        entries["whole run"] = (
            f"{timing.wall_s:,.0f} s for {timing.plays:,} plays and {timing.tokens:,} tokens written: "
            f"{timing.plays / timing.wall_s:.3g} plays and {timing.tokens / timing.wall_s:.3g} tokens a second"
        )
    if timing.seconds is not None:
        entries["seconds of a play, waiting included"] = str(timing.seconds)
    if timing.tokens_per_second is not None:
        entries["tokens a second of one play, beside others"] = str(timing.tokens_per_second)
    yield Pairs(entries) if entries else Paragraph("Nobody took the time.")


def _largest(groups: Mapping[str, GroupFigures]) -> dict[str, GroupFigures]:
    ordered = sorted(groups, key=lambda value: (-groups[value].cut_off.n, value))
    kept = set(ordered[:MOST_ROWS])
    return {value: group for value, group in groups.items() if value in kept}


def _counted(column: str, counts: Mapping[str, int]) -> Table:
    listed = list(counts.items())[:MOST_ROWS]
    return Table((column, "rows"), [(plain(name, 400), f"{count:,}") for name, count in listed])


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
