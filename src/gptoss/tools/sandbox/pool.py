"""The sandboxes of many conversations: one each, as many as there may be, gone when nobody has used them for long."""

from __future__ import annotations

import threading
import time

from gptoss.errors import SandboxError
from gptoss.tools.sandbox.ladder import choose_rung
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.rung import Rung, RungName
from gptoss.tools.sandbox.session import Session


class SandboxPool:
    """Sessions by the name of their conversation. The rung is chosen, and tried, when the pool is made.

    most    sessions at once; beyond, the one that is idle for longest makes room
    idle_s  after which an idle one is closed
    """

    def __init__(
        self,
        *,
        rung: RungName | str | None = None,
        limits: Limits | None = None,
        most: int = 64,
        idle_s: float = 1800.0,
    ) -> None:
        """Raises SandboxError where there is no such rung on this machine."""
        self.rung: Rung = choose_rung(rung)
        self.limits = limits or Limits()
        self._most = most
        self._idle_s = idle_s
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._is_closed = False
        self._reaper: threading.Thread | None = None

    def __enter__(self) -> SandboxPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._sessions)

    def session(self, name: str) -> Session:
        """The session of a conversation, a new one where it has none. Raises SandboxError where all are busy."""
        with self._lock:
            if self._is_closed:
                raise SandboxError("all sandboxes are closed; start the program again")
            found = self._sessions.get(name)
            if found is not None:
                # Taken, though nothing runs in it yet.
                found.used = time.monotonic()
                return found
            room = self._make_room()
            made = self._sessions[name] = Session(self.rung, self.limits)
            if self._reaper is None:
                self._reaper = threading.Thread(
                    target=self._reap, name="sandbox-reaper", daemon=True
                )
                self._reaper.start()
        if room is not None:
            room.close()
        return made

    def find(self, name: str) -> Session | None:
        """The session of a conversation, if it has one."""
        with self._lock:
            return self._sessions.get(name)

    def end(self, name: str) -> bool:
        """Close a conversation's session; whether there was one."""
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None:
            session.close()
        return session is not None

    def close(self) -> None:
        """Close all of them, for good."""
        with self._lock:
            self._is_closed = True
            sessions, self._sessions = list(self._sessions.values()), {}
            self._wake.notify_all()
        for session in sessions:
            session.interrupt()
        for session in sessions:
            session.close()
        if self._reaper is not None:
            self._reaper.join()

    def _make_room(self) -> Session | None:
        """Take the session out that must go for another one to come."""
        if len(self._sessions) < self._most:
            return None
        idle = {n: each for n, each in self._sessions.items() if not each.is_in_use}
        if not idle:
            raise SandboxError(
                f"all {self._most} sandboxes are at work; try again when one is done, or allow more"
            )
        return self._sessions.pop(min(idle, key=lambda n: idle[n].used))

    def _reap(self) -> None:
        """Close what is idle, as long as there is a pool."""
        while True:
            with self._lock:
                if self._is_closed:
                    return
                over = self._take_idle()
                if not over:
                    ends = [each.used + self._idle_s for each in self._sessions.values()]
                    next_end = min(ends, default=time.monotonic() + self._idle_s)
                    self._wake.wait(max(0.05, next_end - time.monotonic()))
            for session in over:
                session.close()

    def _take_idle(self) -> list[Session]:
        now = time.monotonic()
        over = [
            name
            for name, each in self._sessions.items()
            if not each.is_in_use and now - each.used >= self._idle_s
        ]
        return [self._sessions.pop(name) for name in over]
