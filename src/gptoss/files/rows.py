"""Rows of a file in CSV, JSON, JSON lines or Parquet, each with its place, so that large ones need not be kept."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gptoss.errors import DataError, listed
from gptoss.files.json_text import parse_object
from gptoss.files.regular import open_regular, read_at, read_file

# LiveCodeBench has lines of some ten megabytes.
MOST_LINE_BYTES = 256 << 20
_MOST_WHOLE_BYTES = 1 << 30
_PIECE = 1 << 20
UNREADABLE = "rows that cannot be read"


@dataclass(frozen=True, slots=True)
class Place:
    """The bytes of a row in its file."""

    path: Path
    offset: int
    size: int

    def read(self) -> dict[str, Any]:
        """The row again. Raises DataError where the file has changed or gone."""
        try:
            with open_regular(self.path) as descriptor:
                return parse_object(read_at(descriptor, self.size, self.offset))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.path} is not what it was before ({error}); put it back"
            ) from None


@dataclass(frozen=True, slots=True)
class Row:
    """A row; `values` None: it cannot be read, for the reason.

    number  the line in a file of JSON lines, elsewhere the row, from 1
    place   known in files of JSON lines
    """

    values: Mapping[str, Any] | None
    number: int
    place: Place | None = None
    reason: str = ""


@dataclass(slots=True)
class Digest:
    """The hash of a file, taken while its rows are read."""

    hash: Any = field(default_factory=hashlib.sha256)

    def hex(self) -> str:
        """In hexadecimal digits, once all rows were taken."""
        return str(self.hash.hexdigest())


def rows_of(path: Path, digest: Digest) -> Iterator[Row]:
    """All rows of a file. Raises DataError for one that cannot be opened or is of no kind that is read."""
    kinds: dict[str, Callable[[Path, Digest], Iterator[Row]]] = {
        ".jsonl": _json_lines,
        ".json": _json,
        ".csv": _csv,
        ".parquet": _parquet,
    }
    read = kinds.get(path.suffix.lower())
    if read is None:
        raise DataError(f"got {path.name}, wanted a file that ends in {listed(kinds)}")
    try:
        yield from read(path, digest)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None


def _json_lines(path: Path, digest: Digest) -> Iterator[Row]:
    with open_regular(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        offset, number = 0, 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            digest.hash.update(line)
            if len(line) > MOST_LINE_BYTES:
                raise DataError(
                    f"{path} has a line of more than {MOST_LINE_BYTES:,} bytes; split it into rows"
                )
            # The mark that some editors put at the beginning of UTF-8 is not part of the first row.
            row = line.removeprefix(codecs.BOM_UTF8) if offset == 0 else line
            if row.strip():
                place = Place(path, offset + len(line) - len(row), len(row))
                yield _object(row, number, place)
            offset += len(line)


def _json(path: Path, digest: Digest) -> Iterator[Row]:
    data = read_file(path, _MOST_WHOLE_BYTES)
    digest.hash.update(data)
    try:
        # What is not a number is nothing: so some tools write an empty cell.
        found = json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {type(error).__name__}: {error}") from None
    if isinstance(found, dict):
        found = next((found[key] for key in ("rows", "data", "test") if key in found), found)
    if not isinstance(found, list):
        raise DataError(f"{path} has no list of rows; save it as a list of objects, or as .jsonl")
    for number, each in enumerate(found, 1):
        is_object = isinstance(each, dict)
        yield Row(each, number) if is_object else Row(None, number, reason="it is no object")


def _csv(path: Path, digest: Digest) -> Iterator[Row]:
    data = read_file(path, _MOST_WHOLE_BYTES)
    digest.hash.update(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    before = csv.field_size_limit(_MOST_WHOLE_BYTES)
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        names = rows.fieldnames or ()
        if len(set(names)) < len(names):
            raise DataError(f"{path} has a column twice: {listed(names)}; bring the published file")
        for number, values in enumerate(rows, 1):
            # A field too many has no name; one too few has no value.
            is_whole = None not in values and None not in values.values()
            yield (
                Row(values, number)
                if is_whole
                else Row(None, number, reason="it has more or fewer fields than the first line")
            )
    except csv.Error as error:
        raise DataError(f"{path} is no CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path, digest: Digest) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(
            f"{path.name} is a Parquet file, which pyarrow reads: `pip install pyarrow`, or, where pyarrow is, "
            "turn it into JSON lines: `python -c 'import json, sys, pyarrow.parquet as p; "
            "[print(json.dumps(r)) for r in p.read_table(sys.argv[1]).to_pylist()]' FILE > FILE.jsonl`"
        ) from None
    with open_regular(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        while piece := file.read(_PIECE):
            digest.hash.update(piece)
        file.seek(0)
        number = 0
        try:
            for batch in ParquetFile(file).iter_batches(batch_size=64):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(values, number)
        except (ArrowException, ValueError) as error:
            raise DataError(f"{path} is no Parquet file that can be read: {error}") from None


def _object(line: bytes, number: int, place: Place) -> Row:
    try:
        return Row(parse_object(line), number, place)
    except ValueError as error:
        return Row(None, number, place, str(error))
