"""Lines on standard error about what the program does, refuses, or does otherwise than asked."""

from __future__ import annotations

import sys


def notice(message: object) -> None:
    """Say it in a line: what a terminal would obey, such as in the name of a file, is escaped."""
    print(f"gptoss: {escaped(message)}", file=sys.stderr)


def escaped(message: object) -> str:
    """A message's text, with what a terminal would obey written out."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in str(message)
    )
