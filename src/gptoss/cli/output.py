"""Text on its way to a person or a pipe."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping

from rich.color import ColorSystem
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.style import Style

from gptoss.cli.notice import escaped
from gptoss.errors import RequestError

# What a terminal would obey: a model's text must not move the cursor or change colours.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Marks of direction, by which code is shown in another order than it runs in.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text with control characters, but for tab and line feed, made visible as U+FFFD."""
    return _CONTROL.sub("\ufffd", text)


def in_order(text: str) -> str:
    """Text whose marks of direction are spelled out: it is seen in the order in which it stands."""
    return _DIRECTION.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Screen:
    """Standard output: styles and no control characters in a terminal, the bare text in a pipe."""

    def __init__(self, console: Console | None = None) -> None:
        # Nothing of the text is an instruction: no markup, no emoji codes, tabs as they are.
        self._console = console or Console(highlight=False, markup=False, emoji=False)

    @property
    def is_terminal(self) -> bool:
        """Whether a person is looking."""
        return self._console.is_terminal

    def write(self, text: str, style: str | None = None) -> None:
        """Write at once, without a line end of its own."""
        if self.is_terminal:
            text = printable(text)
            if style is not None and self._console.color_system is not None:
                text = Style.parse(style).render(text, color_system=ColorSystem.STANDARD)
        self._console.file.write(text)
        self._console.file.flush()

    def note(self, text: str) -> None:
        """A line about the output: beside it in a terminal, on standard error otherwise."""
        if self.is_terminal:
            self.write(f"{text}\n", "yellow")
        else:
            print(text, file=sys.stderr)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Names and values, a line each."""
        for name, value in facts.items():
            shown = f"{value:,}" if isinstance(value, int) else value
            shown = ("off", "on")[value] if isinstance(value, bool) else shown
            shown = f"{value:,.1f}" if isinstance(value, float) else shown
            self.write(f"{name.replace('_', ' '):<24}", "bold")
            self.write(f"{escaped(shown)}\n")


def read_piped_text() -> str:
    """All of standard input. Raises RequestError for what is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError as error:
        raise RequestError(
            f"standard input is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None


def has_piped_text() -> bool:
    """Whether standard input is a pipe or a file, and so has something to say; `/dev/null` and terminals have not."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """On standard error, in a terminal only, and gone when done."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class Waiting:
    """What a person sees while nothing is printed: a sign on standard error, in a terminal only."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._status = console.status("") if console.is_terminal else None
        self._hidden = 0

    def __enter__(self) -> Waiting:
        self.start("reading")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, what: str) -> None:
        """Nothing is printed from now on; the cursor stands at a line's begin."""
        if self._status is not None:
            self._status.update(what)
            self._status.start()

    def count(self) -> None:
        """One more piece of the chain of thought that is not shown."""
        self._hidden += 1
        if self._status is not None:
            self._status.update(f"thinking, {self._hidden} tokens")

    def stop(self) -> None:
        """Something is printed from now on."""
        if self._status is not None:
            self._status.stop()
