"""One call as its tool sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar


class Invocation:
    """A call that is to be run.

    arguments  word for word as the model wrote them: JSON, or bare text
    tell       shows a person what the tool prints while it runs; the model reads the result alone
    """

    def __init__(self, arguments: str, tell: Callable[[str], None]) -> None:
        self.arguments = arguments
        self.tell = tell
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._on_cancel: list[Callable[[], object]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the result any more."""
        return self._cancelled.is_set()

    def on_cancel(self, act: Callable[[], object]) -> None:
        """Have something done when the call is cancelled, from another thread; at once if it is already."""
        with self._lock:
            if not self._cancelled.is_set():
                self._on_cancel.append(act)
                return
        act()

    def cancel(self) -> None:
        """Say that nobody waits any more; harmless when it was said."""
        with self._lock:
            if self._cancelled.is_set():
                return
            self._cancelled.set()
            acts, self._on_cancel = self._on_cancel, []
        for act in acts:
            act()


# The call on whose behalf this runs, on its own thread or among the tasks of a loop.
RUNNING: ContextVar[Invocation | None] = ContextVar("RUNNING", default=None)
