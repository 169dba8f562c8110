"""Writes the golden report anew: python -m tests.evals.record_report."""

from __future__ import annotations

from pathlib import Path

from gptoss.evals.report import Evaluated, summarise, written
from tests.evals.made_plays import FACTS, plays

FOLDER = Path(__file__).parents[1] / "golden/report"
NAMES = ("report.md", "report.json")


def golden_files() -> dict[str, bytes]:
    """The files of the made run."""
    return written([Evaluated(FACTS, summarise(plays(), wall_s=4000.0))])


def main() -> None:
    """Write those that are compared."""
    found = golden_files()
    for name in NAMES:
        (FOLDER / name).write_bytes(found[name])


if __name__ == "__main__":
    main()
