"""Decisions that a call has been run on: each is for one call, however often it is sent."""

from __future__ import annotations

import sqlite3
import threading
import time

# As long as responses are kept unless said otherwise: what is sent back after that was asked for long ago.
_KEPT_S = 30 * 86_400.0


class UsedDecisions:
    """Those of an owner, in the store of responses. From any thread, and slow: not for event loops."""

    def __init__(self, database: sqlite3.Connection, lock: threading.Lock, owner: str) -> None:
        self._db = database
        self._lock = lock
        self._owner = owner

    def has(self, call: str) -> bool:
        """Whether a call has been run on the decision about it; `call` is its own number."""
        with self._lock, self._db:
            found = self._db.execute(
                "SELECT 1 FROM used_decisions WHERE call = ? AND owner = ?", (call, self._owner)
            ).fetchone()
        return found is not None

    def claim(self, call: str) -> bool:
        """Use up the decision about a call; False where another turn has."""
        now = time.time()
        with self._lock, self._db:
            self._db.execute("DELETE FROM used_decisions WHERE used < ?", (now - _KEPT_S,))
            made = self._db.execute(
                "INSERT OR IGNORE INTO used_decisions VALUES (?, ?, ?)", (call, self._owner, now)
            )
        return made.rowcount == 1
