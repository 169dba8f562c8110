"""Every block of the pages runs in its page's order, and prints what the page shows."""

from __future__ import annotations

import contextlib
import datetime
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checks import documentation
from checks.documentation import Block
from checks.project import Project
from gptoss.chat import request
from gptoss.kernels.machine import ISA_VARIABLE
from tests.choices import CHOICES
from tests.docs.shell import shell
from tests.docs.shown import is_shown

ROOT = Path(__file__).parents[2]
PROJECT = Project.of_git(ROOT)
BLOCKS = {
    page: [block for block in documentation.blocks(page, PROJECT.text(page)) if block.is_run]
    for page in documentation.pages(PROJECT)
}
PAGES = [page for page, blocks in BLOCKS.items() if blocks]
SUM = re.compile(r"(\d+) ([+-]) (\d+)")
# Another instruction set, and another day, which the model reads in its prompt.
OTHERS = list(
    zip(
        dict.fromkeys(choice.isa for choice in CHOICES),
        ("2027-02-28", "2028-12-31", "2030-07-04", "2031-10-10"),
        strict=False,
    )
)
# Where a variable says so, `datetime.date.today` is another day in whatever Python the shell starts.
SITE = """import datetime, os
class Day(datetime.date):
    @classmethod
    def today(cls):
        return cls.fromisoformat(os.environ["DAY"])
datetime.date = Day
"""

Run = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, in which the page's blocks run."""
    made = tmp_path / "reader"
    made.mkdir()
    monkeypatch.chdir(made)
    for name in ("GPTOSS_MODEL", "GPTOSS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return made


def run_page(page: str, folder: Path, variables: dict[str, str]) -> None:
    if any("curl " in block.code for block in BLOCKS[page]) and shutil.which("curl") is None:
        pytest.skip("got no curl, with which the page asks a server")
    names: dict[str, Any] = {"__name__": "example"}
    beside = folder.parent / "beside"
    beside.mkdir()
    with shell(folder, beside, variables) as opened:
        for block in BLOCKS[page]:
            run: Run = opened.run if block.language == "sh" else lambda code: python(code, names)
            # Python's errors then name the page's own lines.
            code = (
                "\n" * (block.line - 1) + block.code if block.language == "python" else block.code
            )
            check(block, run(code))


def python(code: str, names: dict[str, Any]) -> str:
    """What Python prints, which goes on with the names of the page's blocks before."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "the page", "exec"), names)
    return out.getvalue()


def check(block: Block, printed: str) -> None:
    if block.printed is None:
        assert not printed.strip(), (
            f"{block.place} prints what the page does not show: put a block of `text` right under it, or `# -> ` "
            f"behind what prints it; `…` stands for what differs from run to run:\n{printed}"
        )
    else:
        assert is_shown(block.printed, printed), (
            f"{block.place} shows other than it prints. Shown:\n{block.printed}\nprinted:\n{printed}"
        )


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page: str, folder: Path) -> None:
    run_page(page, folder, {})


@pytest.mark.slow
@pytest.mark.parametrize(("isa", "day"), OTHERS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_on_another_processor_and_day(
    page: str, isa: str, day: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE, "utf-8")
    monkeypatch.setenv(ISA_VARIABLE, isa)
    monkeypatch.setenv("DAY", day)
    monkeypatch.setattr(request, "datetime", SimpleNamespace(date=fixed(day)))
    run_page(page, folder, {ISA_VARIABLE: isa, "DAY": day, "PYTHONPATH": str(site)})


def fixed(day: str) -> type[datetime.date]:
    """A class of dates whose today is that day."""

    class Day(datetime.date):
        @classmethod
        def today(cls) -> Day:
            return cls.fromisoformat(day)

    return Day


def test_sums_that_are_shown_are_right() -> None:
    """They are the first that a newcomer sees; at a low effort the embedded model guesses."""
    asked = [block for blocks in BLOCKS.values() for block in blocks if SUM.search(block.code)]
    assert asked
    for block in asked:
        for a, sign, b in SUM.findall(block.code):
            right = int(a) + int(b) if sign == "+" else int(a) - int(b)
            assert re.search(rf"\b{right}\b", block.printed or ""), (block.place, right)
