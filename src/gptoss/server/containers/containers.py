"""The containers of a server: made, found by their owner, gone when nobody has used them for long."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from gptoss.errors import SandboxError
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError
from gptoss.tools.sandbox import SandboxPool, Session

PREFIX = "cntr_"
# As OpenAI's.
IDLE_MINUTES = 20
_MOST_OF_AN_OWNER = 32


@dataclass(slots=True)
class Container:
    """A notebook and its files.

    owner         whose it is
    name          as whoever made it calls it
    idle_minutes  without use, after which it is gone
    used          seconds since the epoch when it was used last
    """

    owner: str
    name: str
    idle_minutes: int = IDLE_MINUTES
    id: str = field(default_factory=lambda: new_id(PREFIX))
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.time)

    @property
    def is_over(self) -> bool:
        """Whether nobody has used it for too long."""
        return time.time() - self.used > 60 * self.idle_minutes


class Containers:
    """All containers of a server. From any thread.

    pool  their sandboxes; None: the server runs no Python
    """

    def __init__(self, pool: SandboxPool | None) -> None:
        self._pool = pool
        self._by_id: dict[str, Container] = {}
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there can be any."""
        return self._pool is not None

    @property
    def rung(self) -> str | None:
        """The rung of their sandboxes; None where there are none."""
        return None if self._pool is None else str(self._pool.rung.name)

    def create(self, owner: str, name: str = "auto", idle_minutes: int = IDLE_MINUTES) -> Container:
        """A new one. Raises ApiError where the owner has too many, or the server runs no Python."""
        self._require_open()
        self._forget_old()
        with self._lock:
            own = [each for each in self._by_id.values() if each.owner == owner]
            if len(own) >= _MOST_OF_AN_OWNER:
                oldest = min(own, key=lambda each: each.used)
                raise ApiError(
                    429, f"got {len(own)} containers, wanted fewer; delete {oldest.id}, or wait"
                )
            made = Container(owner, name, idle_minutes)
            self._by_id[made.id] = made
        return made

    def find(self, container_id: str, owner: str) -> Container | None:
        """One of the owner's that is still there."""
        self._forget_old()
        with self._lock:
            found = self._by_id.get(container_id)
        return found if found is not None and found.owner == owner else None

    def require(self, container_id: str, owner: str) -> Container:
        """As `find`. Raises ApiError 404 where there is none."""
        found = self.find(container_id, owner)
        if found is None:
            raise ApiError(
                404,
                f"got the container {container_id[:64]!r}, which is not there any more, or never was; make another",
                code="container_not_found",
            )
        return found

    def of(self, owner: str) -> list[Container]:
        """The owner's, oldest first."""
        self._forget_old()
        with self._lock:
            return [each for each in self._by_id.values() if each.owner == owner]

    def session(self, container: Container) -> Session:
        """Its notebook. Raises ApiError 429 where all sandboxes are at work."""
        assert self._pool is not None
        container.used = time.time()
        try:
            return self._pool.session(container.id)
        except SandboxError as error:
            raise ApiError(429, str(error)) from None

    def delete(self, container_id: str, owner: str) -> None:
        """End one of the owner's. Raises ApiError 404 where there is none."""
        self._end(self.require(container_id, owner))

    def close(self) -> None:
        """End all."""
        if self._pool is not None:
            self._pool.close()

    def _require_open(self) -> None:
        if self._pool is None:
            raise ApiError(
                400,
                "this server runs no Python; start it with --tools python",
                code="invalid_value",
            )

    def _forget_old(self) -> None:
        with self._lock:
            over = [each for each in self._by_id.values() if each.is_over]
        for each in over:
            self._end(each)

    def _end(self, container: Container) -> None:
        with self._lock:
            self._by_id.pop(container.id, None)
        if self._pool is not None:
            self._pool.end(container.id)
