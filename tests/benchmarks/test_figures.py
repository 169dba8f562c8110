"""Figures as the guides tell them: spreads, and the time of a long prompt from its chunks."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.figures import runs, spread
from benchmarks.speed_tables import minutes


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [([], 0, ""), ([3.2], 1, "3.2"), ([9.96, 12.1, 10.0], 1, "10.0 to 12.1"), ([1.01, 1.04], 1, "1.0"),
     ([1234, 9], 0, "9 to 1,234")],
)  # fmt: skip
def test_spread(values: list[float], digits: int, text: str) -> None:
    assert spread(values, digits) == text


def test_runs_keep_every_value_of_a_kind() -> None:
    rows = [
        {"machine": machine, "isa": "a", "precision": "p", "metric": "m", "value": value}
        for machine, value in (("x", "1"), ("y", "2"), ("x", "3"))
    ]
    assert runs(rows) == {("x", "a", "p"): {"m": [1.0, 3.0]}, ("y", "a", "p"): {"m": [2.0]}}


def test_minutes_of_a_prompt() -> None:
    level = {"chunk_at_0_ratio": 1.0, "chunk_at_4096_ratio": 1.0}
    assert minutes(level, 6000 * 64, 100) == pytest.approx(64)
    # Growing evenly from 1 to 3, and no further: twice the time on the way, thrice after it.
    rising = {"chunk_at_0_ratio": 1.0, "chunk_at_512_ratio": 1.5, "chunk_at_2048_ratio": 3.0}
    assert minutes(rising, 2048, 512 / 60) == pytest.approx(1 + 1.5 + 2 + 2.5)
    assert minutes(rising, 4096, 512 / 60) == pytest.approx(7 + 4 * 3)


def test_a_page_without_marks_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- speed -->\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="lacks the marks"):
        report.put({}, page, "speed", [])


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n")
    pages: dict[Path, str] = {}
    report.put(pages, page, "x", ["1", "2"])
    report.put(pages, page, "y", ["3"])
    assert pages[page] == (
        "a\n<!-- x -->\n1\n2\n<!-- end of x -->\nb\n<!-- y -->\n3\n<!-- end of y -->\n"
    )
