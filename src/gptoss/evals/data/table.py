"""The rows of a benchmark's files, held to its columns, with all that was left out counted by its reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gptoss.errors import EvalError, listed
from gptoss.evals.data.cells import text_of
from gptoss.evals.suite import Source
from gptoss.files.rows import UNREADABLE, Digest, Row, rows_of

_SUFFIXES = (".parquet", ".jsonl", ".json", ".csv")
_DUPLICATES = "rows with the id of an earlier one"
# Of a folder as the hub's tools leave it: files lie in it, or in one folder beneath.
_DEPTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The files of a benchmark's rows.

    what      the benchmark, for messages
    stem      a pattern of the names of its files in a folder, without their endings
    columns   that each row must have
    id        the column by which rows are told apart
    hashes    of published files; empty: none is known
    """

    what: str
    stem: str
    columns: Sequence[str]
    id: str
    hashes: frozenset[str] = frozenset()


@dataclass(slots=True)
class Table:
    """What was read. `sources` and `skipped` are whole once the rows were taken."""

    wanted: Wanted
    paths: Sequence[Path]
    sources: list[Source] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Rows that have all columns and an id of their own, by that id. Raises EvalError."""
        seen: set[str] = set()
        reason = "there is none"
        self.sources.clear()
        self.skipped.clear()
        for path in self.paths:
            digest, count, is_first = Digest(), 0, True
            for row in rows_of(path, digest):
                count += 1
                if row.values is None:
                    reason = row.reason if not self.skipped[UNREADABLE] else reason
                    self.skipped[UNREADABLE] += 1
                    continue
                missing = [name for name in self.wanted.columns if name not in row.values]
                if missing and is_first:
                    raise _without(path, self.wanted, missing, row.values)
                is_first = False
                name = text_of(row.values.get(self.wanted.id))
                if missing or not name:
                    reason = f"its rows have no {listed(missing or [self.wanted.id])}"
                    self.skipped["rows without a column that is needed"] += 1
                elif name in seen:
                    self.skipped[_DUPLICATES] += 1
                else:
                    seen.add(name)
                    yield name, row
            self.sources.append(self._source(path, digest, count))
        if not seen:
            raise EvalError(
                f"{listed(map(str, self.paths))} has no row of {self.wanted.what} that can be read: {reason}; "
                "bring the published file"
            )

    def _source(self, path: Path, digest: Digest, count: int) -> Source:
        found = digest.hex()
        known = found in self.wanted.hashes if self.wanted.hashes else None
        return Source(name=path.name, sha256=found, rows=count, known=known)


def find_files(
    data: Sequence[Path], wanted: Wanted, *, is_needed: bool = True, is_named: bool = False
) -> list[Path]:
    """The files among these files and folders that hold a benchmark's rows, in the order of their names.

    is_needed  whether it is an error that there is none
    is_named   whether a file that is the only one has to have their name, too

    Raises EvalError.
    """
    found: list[Path] = []
    for path in data:
        if path.is_dir():
            found += sorted((each for each in _beneath(path) if _fits(each, wanted)), key=_natural)
        elif not path.exists():
            raise EvalError(f"there is no {path}; name the file or folder of {wanted.what}")
        elif _fits(path, wanted) or (len(data) == 1 and not is_named):
            found.append(path)
    if not found and is_needed:
        raise EvalError(
            f"found no file of {wanted.what} in {listed(map(str, data)) or 'no data'}: wanted one named like "
            f"`{wanted.stem}` with the ending {listed(_SUFFIXES)}; docs/evaluation.md says where it comes from"
        )
    return _without_twins(found)


def _beneath(folder: Path) -> Iterator[Path]:
    for depth in range(1, _DEPTH + 1):
        yield from (each for each in folder.glob("/".join("*" * depth)) if each.is_file())


def _fits(path: Path, wanted: Wanted) -> bool:
    is_named = re.fullmatch(wanted.stem, path.stem, re.IGNORECASE) is not None
    return is_named and path.suffix.lower() in _SUFFIXES


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """By numbers in names as numbers: test2 before test10."""
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], str(path)


def _without_twins(paths: Sequence[Path]) -> list[Path]:
    """One file of those that differ in their ending alone: a conversion lies beside what it was made from."""
    chosen: dict[Path, Path] = {}
    for path in paths:
        other = chosen.setdefault(path.with_suffix(""), path)
        if _rank(path) > _rank(other):
            chosen[path.with_suffix("")] = path
    return list(chosen.values())


def _rank(path: Path) -> int:
    suffix = path.suffix.lower()
    return _SUFFIXES.index(suffix) if suffix in _SUFFIXES else -1


def _without(
    path: Path, wanted: Wanted, missing: Sequence[str], values: Mapping[str, object]
) -> EvalError:
    return EvalError(
        f"{path} lacks the column{'s' * (len(missing) > 1)} {listed(missing)} of {wanted.what}; "
        f"it has {listed(map(str, values))}: bring the published file"
    )
