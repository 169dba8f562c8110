"""What a document consists of, before it is Markdown or HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gptoss.evals.statistics import Estimate, Spread

# Of scales that hold shares, or differences of them.
_ENDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Heading:
    """A section begins; level 2 or 3."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences; a warning is one that must not be missed."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """The figure that the document is about, with words behind it."""

    figure: Estimate | None
    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and what they are."""

    entries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under the names of their columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A fixed value to hold figures against; `is_like` where nothing forbids that."""

    label: str
    value: float
    is_like: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A figure by its name; `kind` colours it."""

    label: str
    figure: Estimate | None
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Figures below each other on one scale, from 0 or from the negative of its end.

    column  what the rows are
    end     of the scale
    """

    column: str
    rows: Sequence[Row]
    marks: Sequence[Mark] = ()
    end: float = 1.0
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """Shares of one whole, by their kinds. Their figures stand beside it."""

    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Spreads:
    """Quartiles of groups on one scale."""

    column: str
    unit: str
    rows: Sequence[tuple[str, str, Spread]]
    """Label, kind and spread."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A score over what it costs: label, cost and score of each point."""

    column: str
    unit: str
    points: Sequence[tuple[str, Spread, Estimate]]


Block = (
    Heading | Paragraph | Headline | Points | Pairs | Table | Intervals | Stack | Spreads | Curve
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report or a comparison."""

    title: str
    subtitle: str
    blocks: Sequence[Block]


def end_of(rows: Sequence[Row]) -> float:
    """The end of a scale that holds all intervals, to both sides of 0."""
    figures = [row.figure for row in rows if row.figure is not None]
    most = max((max(abs(each.low), abs(each.high)) for each in figures), default=1.0)
    return next((end for end in _ENDS if end >= most), 1.0)
