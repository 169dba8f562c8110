"""A question to a person at a terminal, answered with yes or no."""

from __future__ import annotations

import sys

from gptoss.cli.notice import escaped


def can_ask() -> bool:
    """Whether a person sees the question and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agrees(question: str) -> bool:
    """Whether the person says yes; anything else is no, and so is the end of input."""
    print(f"gptoss: {escaped(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")
