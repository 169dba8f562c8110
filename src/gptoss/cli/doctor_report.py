"""The findings of a doctor for a person, or a line each for a pipe."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

from gptoss.cli.notice import escaped
from gptoss.cli.output import Screen

if TYPE_CHECKING:
    from gptoss.runtime.doctor import Finding

_STYLES = {"ok": "green", "note": "cyan", "warning": "bold yellow", "error": "bold red"}
_LEVEL_WIDTH, _NAME_WIDTH = 9, 16
_INDENT = " " * (2 + _LEVEL_WIDTH + _NAME_WIDTH)
# Longer lines are hard to read.
_MOST_COLUMNS = 120


class Report:
    """Shows findings as they come: under headings and wrapped in a terminal, one line each elsewhere."""

    def __init__(self, *, is_shown: bool) -> None:
        self._screen = Screen()
        self._is_shown = is_shown
        self._group = ""
        self._is_headed = False
        self._counts = {"error": 0, "warning": 0}

    def begin_again(self, title: str | None) -> None:
        """What was counted so far is mended, or is said again under this heading."""
        self._counts = dict.fromkeys(self._counts, 0)
        if title is not None:
            self._title(title)
            self._is_headed = True

    def add(self, finding: Finding) -> None:
        """One more finding."""
        level = str(finding.level)
        if level in self._counts:
            self._counts[level] += 1
        if not self._is_shown:
            return
        said, remedy = escaped(finding.said), escaped(finding.remedy)
        if not self._screen.is_terminal:
            end = f"; do: {remedy}" if remedy else ""
            self._screen.write(
                f"{level:<{_LEVEL_WIDTH}}{finding.group}, {finding.name}: {said}{end}\n"
            )
            return
        if finding.group != self._group and not self._is_headed:
            self._title(finding.group)
        self._screen.write(f"  {level:<{_LEVEL_WIDTH}}", _STYLES[level])
        self._screen.write(f"{finding.name:<{_NAME_WIDTH}}", "bold")
        self._screen.write(f"{_wrapped(said)}\n")
        if remedy:
            self._screen.write(f"{_INDENT}do: ", "bold")
            self._screen.write(f"{_wrapped(remedy, len('do: '))}\n")

    def end(self, worst: str) -> None:
        """The last line: how it is on the whole."""
        if worst in ("ok", "note"):
            self._screen.write("nothing is wrong\n", "green")
            return
        parts = [f"{n} {name}{'s' * (n != 1)}" for name, n in self._counts.items() if n]
        text = " and ".join(parts)
        end = "it does not run, or would answer wrongly" if worst == "error" else "it runs"
        self._screen.write(f"{text}: {end}\n", _STYLES[worst])

    def _title(self, text: str) -> None:
        self._group = text
        if self._is_shown and self._screen.is_terminal:
            self._screen.write(f"{escaped(text)}\n", "bold")


def _wrapped(text: str, begun: int = 0) -> str:
    """Lines that fit beside the columns of levels and names, the first of which has so many characters already.

    Words are not cut, so that paths can be copied.
    """
    width = min(shutil.get_terminal_size().columns, _MOST_COLUMNS) - len(_INDENT)
    lines = textwrap.wrap(
        text,
        max(30, width),
        initial_indent=" " * begun,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"\n{_INDENT}".join(lines)[begun:]
