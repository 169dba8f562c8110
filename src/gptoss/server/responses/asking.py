"""A request that is read on a thread of its own, with what the server runs for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from gptoss.chat.request import TurnRequest
from gptoss.server.hosted.tools import Hosted
from gptoss.server.pool import IsGone
from gptoss.server.responses.store import KeptItem


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What a request asks for: the items of its conversation, the turn, and what the server runs in it."""

    context: list[KeptItem]
    asked: TurnRequest
    hosted: Hosted


class Asking:
    """Reads a request on another thread, whose reader may be gone before it is read."""

    def __init__(self, make: Callable[[IsGone], ReadRequest]) -> None:
        self._make = make
        self._read: ReadRequest | None = None
        self._lock = threading.Lock()
        self._is_left = False

    @property
    def read(self) -> ReadRequest:
        """What was read."""
        assert self._read is not None
        return self._read

    def ask(self, is_gone: IsGone) -> TurnRequest:
        """Read it, and return its turn."""
        made = self._make(is_gone)
        with self._lock:
            self._read = made
            if self._is_left:
                made.hosted.release()
        return made.asked

    def leave(self) -> None:
        """Let go of what was read, and of what is still to be read: no response comes of it."""
        with self._lock:
            self._is_left = True
            if self._read is not None:
                self._read.hosted.release()
