"""What Ctrl-C does to a command that a person waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from gptoss.cli.notice import notice

# As a shell reports a program that Ctrl-C ended.
INTERRUPTED = 130


@contextmanager
def interruptible(left: str) -> Iterator[None]:
    """End the command when Ctrl-C is pressed inside, and say in a line what is left of its work."""
    try:
        yield
    except KeyboardInterrupt:
        notice(f"stopped; {left}")
        raise typer.Exit(INTERRUPTED) from None
