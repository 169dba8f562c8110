"""The committed figures: rows of results/*.csv, the newest of each kind, and the spread over all runs."""

from __future__ import annotations

import csv
from collections.abc import Iterable

from benchmarks.record import RESULTS

Row = dict[str, str]
Figures = dict[str, float]
# Machine, instruction set, precision.
Kind = tuple[str, str, str]


def read(name: str) -> list[Row]:
    with (RESULTS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kind_of(row: Row) -> Kind:
    return row["machine"], row["isa"], row["precision"]


def by_kind(rows: Iterable[Row]) -> dict[Kind, Figures]:
    """Newest value of each metric, by machine, instruction set and precision."""
    found: dict[Kind, Figures] = {}
    for row in rows:
        found.setdefault(kind_of(row), {})[row["metric"]] = float(row["value"])
    return found


def runs(rows: Iterable[Row]) -> dict[Kind, dict[str, list[float]]]:
    """Values of each metric in all runs, oldest first, by machine, instruction set and precision."""
    found: dict[Kind, dict[str, list[float]]] = {}
    for row in rows:
        found.setdefault(kind_of(row), {}).setdefault(row["metric"], []).append(float(row["value"]))
    return found


def spread(values: Iterable[float], digits: int = 0) -> str:
    """The least and the largest value, or one where they look the same; nothing where there is none."""
    ordered = sorted(values)
    if not ordered:
        return ""
    least, most = f"{ordered[0]:,.{digits}f}", f"{ordered[-1]:,.{digits}f}"
    return least if least == most else f"{least} to {most}"
