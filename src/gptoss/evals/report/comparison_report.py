"""The comparison of two runs, or of several pairs, as JSON, Markdown and a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gptoss.evals.report.blocks import (
    Block,
    Document,
    Heading,
    Headline,
    Intervals,
    Pairs,
    Paragraph,
    Points,
    Row,
    Table,
    end_of,
)
from gptoss.evals.report.comparison import Comparison, Flip
from gptoss.evals.report.markup import plain
from gptoss.evals.report.report import files_of
from gptoss.evals.report.sections import MOST_ROWS
from gptoss.evals.statistics import Difference, holm, p_text, rounded


def compared_files(comparisons: Sequence[Comparison]) -> dict[str, bytes]:
    """The files of a comparison by their names; of several, p is corrected for their number (Holm)."""
    adjusted = _adjusted(comparisons)
    data = {
        "comparisons": [each.to_dict() for each in comparisons],
        "p_adjusted": [rounded(each) for each in adjusted],
    }
    return files_of("comparison", data, comparison_document(comparisons))


def comparison_document(comparisons: Sequence[Comparison]) -> Document:
    """What a comparison shows: for several suites, a table of all before them."""
    first = comparisons[0]
    names = f"B {plain(first.names[1])} against A {plain(first.names[0])}"
    if len(comparisons) == 1:
        title, blocks = f"{plain(first.suite)}: two runs", list(_sections(first, 2))
    else:
        title, blocks = "Two runs of several suites", list(_several(comparisons))
    return Document(title=title, subtitle=names, blocks=blocks)


def _several(comparisons: Sequence[Comparison]) -> Iterator[Block]:
    adjusted = _adjusted(comparisons)
    rows = [
        Row(plain(each.suite), each.difference.estimate, f"p {p_text(p)}, corrected")
        for each, p in zip(comparisons, adjusted, strict=True)
    ]
    yield Heading("Differences")
    yield Intervals("suite", rows, end=end_of(rows), is_signed=True)
    yield Paragraph(f"p is corrected for {len(comparisons)} comparisons (Holm).")
    for each in comparisons:
        yield Heading(plain(each.suite))
        yield from _sections(each, 3)


def _sections(comparison: Comparison, level: int) -> Iterator[Block]:
    difference = comparison.difference
    yield Headline(difference.estimate, f"95 % interval: {difference.verdict}.")
    if comparison.warnings:
        yield Paragraph(
            "These runs do not score the same thing, so that the difference is not one of the models alone: "
            f"{'; '.join(map(plain, comparison.warnings))}.",
            True,
        )
    yield Pairs(dict(_figures(comparison)))
    for name, values in comparison.categories.items():
        if len(values) > 1:
            yield from _category(comparison, name, values, level)
    yield from _flips("B scores higher", comparison.up, level)
    yield from _flips("B scores lower", comparison.down, level)
    yield Heading("Where the runs differ", level)
    if comparison.settings:
        yield Points([plain(each, 400) for each in comparison.settings])
    else:
        yield Paragraph("Nowhere: the same settings and the same model.")


def _figures(comparison: Comparison) -> Iterator[tuple[str, str]]:
    difference = comparison.difference
    yield "A", f"{plain(comparison.names[0])}: {comparison.scores[0]}"
    yield "B", f"{plain(comparison.names[1])}: {comparison.scores[1]}"
    yield "p", f"{p_text(difference.p)} ({difference.test})"
    yield "items", f"B higher on {difference.up:,}, lower on {difference.down:,}"
    yield "in one run alone", f"A {comparison.only[0]:,}, B {comparison.only[1]:,}; not compared"
    yield "ungraded", f"A {comparison.ungraded[0]:,}, B {comparison.ungraded[1]:,}; not compared"
    if comparison.tokens is not None:
        yield "tokens of B for each of A", str(comparison.tokens)


def _category(
    comparison: Comparison, name: str, values: Mapping[str, Difference], level: int
) -> Iterator[Block]:
    ordered = sorted(values, key=lambda value: (-values[value].estimate.n, value))
    kept = set(ordered[:MOST_ROWS])
    rows = [
        Row(
            plain(value) or "(empty)",
            each.estimate,
            f"p {p_text(comparison.adjusted[name, value])}, corrected",
        )
        for value, each in values.items()
        if value in kept
    ]
    yield Heading(f"Difference by {plain(name)}", level)
    yield Intervals(plain(name), rows, end=end_of(rows), is_signed=True)
    yield Paragraph(f"p is corrected for {len(comparison.adjusted):,} comparisons (Holm).")
    if len(rows) < len(values):
        yield Paragraph(f"The {len(rows)} largest of {len(values):,}; comparison.json has all.")


def _flips(title: str, flips: Sequence[Flip], level: int) -> Iterator[Block]:
    yield Heading(f"{title}: {len(flips):,} items", level)
    if not flips:
        yield Paragraph("None.")
        return
    yield Table(
        ("item", "A", "B"),
        [
            (
                plain(each.item),
                f"{each.outcomes[0]} ({each.before:.2f})",
                f"{each.outcomes[1]} ({each.after:.2f})",
            )
            for each in flips[:MOST_ROWS]
        ],
    )
    if len(flips) > MOST_ROWS:
        yield Paragraph(f"{len(flips) - MOST_ROWS:,} more are in comparison.json.")


def _adjusted(comparisons: Sequence[Comparison]) -> list[float]:
    by_place = {place: each.difference.p for place, each in enumerate(comparisons)}
    return list(holm(by_place).values())
