"""Text on its way to a person or a pipe."""

from __future__ import annotations

import re

from rich.console import Console
from rich.progress import Progress, ProgressColumn

# What a terminal would obey: a model's text must not move the cursor or change colours.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Text with control characters, but for tab and line feed, made visible as U+FFFD."""
    return _CONTROL.sub("\ufffd", text)


class Screen:
    """Standard output: styles and no control characters in a terminal, the bare text in a pipe."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person is looking."""
        return self._console.is_terminal

    @property
    def console(self) -> Console:
        """For tables."""
        return self._console

    def write(self, text: str, style: str | None = None) -> None:
        """Write at once, without a line end of its own."""
        if self.is_terminal:
            self._console.print(printable(text), end="", style=style, markup=False)
        else:
            self._console.file.write(text)
        self._console.file.flush()


def progress_bar(*columns: ProgressColumn) -> Progress:
    """On standard error, in a terminal only, and gone when done."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
