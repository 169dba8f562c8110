"""Files of rows -> samples, with all that was left out or cut counted by its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gptoss.errors import DataError, MessageError, SchemaError, listed
from gptoss.files.rows import Digest, Row, rows_of
from gptoss.harmony import Effort
from gptoss.tokenizer import Tokenizer
from gptoss.train.data.columns import chat_row
from gptoss.train.data.loss_weights import TokenKind
from gptoss.train.data.samples import Rendering, Sample, samples_of

# So many places are named for each reason.
_MOST_PLACES = 3


@dataclass(slots=True)
class LeftOut:
    """Rows, or turns of them, that were left out for one reason: how many, and where the first ones are."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.places) < _MOST_PLACES:
            self.places.append(place)


@dataclass(slots=True)
class DataReport:
    """What became of all rows.

    rows             that were read
    samples          turns that are learnt
    tokens           of them
    tokens_of        of them, by kind; `learnt_of`: those that bear loss
    cut, tokens_cut  samples that were too long, and what they lost at their ends
    left_out         by reason
    unused_columns   that no row's conversation is made of
    without_thought  learnt turns of medium or high effort that have no chain of thought
    """

    rows: int = 0
    samples: int = 0
    tokens: int = 0
    tokens_of: dict[TokenKind, int] = field(default_factory=lambda: dict.fromkeys(TokenKind, 0))
    learnt_of: dict[TokenKind, int] = field(default_factory=lambda: dict.fromkeys(TokenKind, 0))
    cut: int = 0
    tokens_cut: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    unused_columns: set[str] = field(default_factory=set)
    without_thought: int = 0

    @property
    def learnt(self) -> int:
        """Tokens that bear loss."""
        return sum(self.learnt_of.values())

    def leave_out(self, reason: str, place: str) -> None:
        """Count what is left out."""
        self.left_out.setdefault(reason, LeftOut()).add(place)

    def take(self, sample: Sample) -> None:
        """Count a sample that is learnt."""
        self.samples += 1
        self.tokens += len(sample)
        self.cut += sample.num_cut > 0
        self.tokens_cut += sample.num_cut
        all_of = np.bincount(sample.kinds, minlength=len(TokenKind))
        learnt_of = np.bincount(sample.kinds[sample.weights > 0], minlength=len(TokenKind))
        for kind, count, learnt in zip(TokenKind, all_of, learnt_of, strict=True):
            self.tokens_of[kind] += int(count)
            self.learnt_of[kind] += int(learnt)
        own = learnt_of[TokenKind.FINAL.number] + learnt_of[TokenKind.TOOLS.number]
        thinks = sample.effort is not Effort.LOW
        self.without_thought += bool(thinks and own and not all_of[TokenKind.ANALYSIS.number])


@dataclass(slots=True)
class Dataset:
    """Samples of files.

    digest  sha256 of the files' bytes and of how they are rendered: training that goes on needs the same
    """

    samples: list[Sample]
    report: DataReport
    digest: str


def read_dataset(
    paths: Sequence[Path], tokenizer: Tokenizer, rendering: Rendering, *, max_length: int
) -> Dataset:
    """Every sample of every file, in their order; those of more than `max_length` tokens are cut at their end.

    Rows that cannot be learnt from are counted by reason. Raises DataError for a file that cannot be read, a line that
    is no JSON object, and where nothing is left to learn from.
    """
    report = DataReport()
    samples: list[Sample] = []
    hashed = hashlib.sha256(f"{rendering} {max_length}".encode())
    for path in paths:
        digest = Digest()
        for row in rows_of(path, digest):
            report.rows += 1
            samples += _samples(path, row, _Reading(tokenizer, rendering, max_length, report))
        hashed.update(digest.hex().encode())
    if not samples:
        reasons = "; ".join(left_out_lines(report)) or "there are no rows"
        raise DataError(f"nothing is left to learn from in {listed(map(str, paths))}: {reasons}")
    return Dataset(samples, report, hashed.hexdigest())


def left_out_lines(report: DataReport) -> list[str]:
    """What was left out, a line for each reason."""
    return [
        f"{each.count:,} left out ({', '.join(each.places)}{', …' * (each.count > len(each.places))}): {reason}"
        for reason, each in report.left_out.items()
    ]


@dataclass(frozen=True, slots=True)
class _Reading:
    tokenizer: Tokenizer
    rendering: Rendering
    max_length: int
    report: DataReport


def _samples(path: Path, row: Row, reading: _Reading) -> Iterator[Sample]:
    """The samples of a row that are learnt; the rest is counted."""
    place, report = f"{path.name}:{row.number}", reading.report
    if row.values is None:
        what = "line" if row.place is not None else "row"
        raise DataError(
            f"{what} {row.number} of {path} cannot be read: {row.reason}; mend or remove it"
        )
    is_empty = True
    try:
        found = chat_row(row.values)
        report.unused_columns.update(found.unused)
        for sample in samples_of(found, reading.tokenizer, reading.rendering, report.rows - 1):
            is_empty = False
            cut = sample.cut(reading.max_length)
            if cut.bears_loss:
                report.take(cut)
                yield cut
            elif sample.bears_loss:
                # Those of further turns are behind it as well, and a row may have very many.
                reason = f"turns that begin behind the first {reading.max_length:,} tokens"
                report.leave_out(reason, place)
                break
            else:
                report.leave_out(
                    f"nothing of the turn is trained on ({reading.rendering.weights})", place
                )
    except (MessageError, SchemaError) as error:
        report.leave_out(str(error), place)
    else:
        if is_empty:
            report.leave_out("no turn has a weight", place)
