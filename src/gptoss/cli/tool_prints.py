"""What the user's functions print, shown where their output stands, and never in the middle of an answer."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

from gptoss.tools.invocation import RUNNING


@contextlib.contextmanager
def told_by_tools() -> Iterator[None]:
    """Have what calls print told by them, until the block ends: a pipe and JSON get none of it."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Routed(each)) for each in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Routed:
    """A stream; what a call that runs writes to it is told by that call instead."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As a stream's."""
        call = RUNNING.get()
        if call is None:
            return self._stream.write(text)
        call.tell(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As a stream's."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
