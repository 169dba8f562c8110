"""A document as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gptoss.evals.report.blocks import (
    Block,
    Curve,
    Document,
    Heading,
    Headline,
    Intervals,
    Pairs,
    Paragraph,
    Points,
    Spreads,
    Stack,
    Table,
)
from gptoss.evals.report.markup import seen

# Inside a word, a low line is only that.
_MARKS = re.compile(r"[\\`*\[\]<>|~]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|^(?=#|\+ |- |\d+\. )")


def markdown(document: Document) -> str:
    """The document, with figures in tables where the page has charts."""
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle)]
    parts += [text for block in document.blocks if (text := _block(block))]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", seen(text))


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escaped(text)}"
        case Paragraph(text, is_warning):
            return f"**{escaped(text)}**" if is_warning else escaped(text)
        case Headline(figure, text):
            return f"**{figure or 'no graded item'}** {escaped(text)}"
        case Points(texts):
            return "\n".join(f"- {escaped(text)}" for text in texts)
        case Pairs(entries):
            return _table(("", ""), entries.items())
        case Table(columns, rows):
            return _table(columns, rows)
        case Intervals():
            return _intervals(block)
        case Spreads(column, unit, rows):
            spreads = [(label, str(each.median), each.quartiles) for label, _, each in rows]
            return _table((column, f"{unit}, median", "quartiles"), spreads)
        case Curve(column, unit, points):
            costs = [(label, str(score), str(cost.median)) for label, cost, score in points]
            return _table((column, "score", f"{unit}, median"), costs)
        case Stack():
            return ""


def _intervals(block: Intervals) -> str:
    marks = "; ".join(f"{mark.label}: {100 * mark.value:.1f} %" for mark in block.marks)
    rows = [(row.label, str(row.figure or "no graded item"), row.note) for row in block.rows]
    if any(row.note for row in block.rows):
        table = _table((block.column, "figure", ""), rows)
    else:
        table = _table((block.column, "figure"), [row[:2] for row in rows])
    return f"{table}\n\n{escaped(marks)}" if marks else table


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, *rows]
    told = [f"| {' | '.join(map(escaped, line))} |" for line in lines]
    told.insert(1, f"| {' | '.join(['---'] * len(columns))} |")
    return "\n".join(told)
