"""Keeps the beginning and the end of a stream of any length."""

from __future__ import annotations

from gptoss.tools.sandbox.output import Stream


class Captured:
    """Takes bytes, and keeps so many of them; `total` is how many came."""

    def __init__(self, most_bytes: int) -> None:
        self._most_head = most_bytes // 2
        self._most_tail = most_bytes - self._most_head
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """The next bytes."""
        self.total += len(data)
        room = self._most_head - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room else data
        # Cut seldom, so that many short writes do not each move all of it.
        if len(self._tail) > 2 * self._most_tail:
            del self._tail[: -self._most_tail]

    def stream(self) -> Stream:
        """What is kept, as text; bytes that are none become U+FFFD."""
        tail = self._tail[-self._most_tail :]
        left_out = self.total - len(self._head) - len(tail)
        if not left_out:
            return Stream(bytes(self._head + tail).decode(errors="replace"))
        head = bytes(self._head).decode(errors="replace")
        return Stream(head, bytes(tail).decode(errors="replace"), left_out)
