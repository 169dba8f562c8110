"""Limits of connections: how many, and how long each may wait."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

from gptoss.errors import ServerError

# Of a request's line and headers together; beyond it, they are refused. A connection may hold that much.
MAX_HEAD_BYTES = 64 << 10
MAX_CONNECTIONS = 1024
# With fewer, a browser and a monitor would lock each other out.
MIN_CONNECTIONS = 16
# For the files of the model and of the stores, the pipes of threads and programs, and the log; then for
# connections that come or go just now, which the acceptor counts beyond its places.
RESERVED_DESCRIPTORS = 64 + 32


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be, and how long each may wait.

    most      at once; None: as many as the process may have descriptors for, and 1,024 at most
    head_s    seconds until a new connection sends something, and from there to the end of a request's head
    idle_s    seconds between two requests of a connection
    write_s   seconds in which a client that is behind must take 16 KiB of what is sent to it, or all of it
    linger_s  seconds in which what comes after a refusal is let pass, so that the refusal can be read

    Raises ServerError for what is no limit.
    """

    most: int | None = None
    head_s: float = 10.0
    idle_s: float = 30.0
    write_s: float = 60.0
    linger_s: float = 2.0

    def __post_init__(self) -> None:
        for name in ("head_s", "idle_s", "write_s", "linger_s"):
            if not getattr(self, name) > 0:
                raise ServerError(f"got {name} = {getattr(self, name)}, wanted more than 0 seconds")
        if self.most is not None and self.most < MIN_CONNECTIONS:
            raise ServerError(
                f"got at most {self.most} connections, wanted {MIN_CONNECTIONS} or more; see --max-connections"
            )


def num_places(most: int | None) -> int:
    """How many connections the process has descriptors for, `most` of them at most.

    Raises the process's limit of descriptors as far as that needs it and the system allows it.

    Raises ServerError if there are not enough.
    """
    taken = len(os.listdir("/dev/fd")) + RESERVED_DESCRIPTORS
    wanted = MAX_CONNECTIONS if most is None else most
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < taken + wanted:
        soft = taken + wanted if hard == resource.RLIM_INFINITY else min(hard, taken + wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - taken)
    least = MIN_CONNECTIONS if most is None else most
    if room < least:
        raise ServerError(
            f"got a limit of {soft} open files, which leaves {max(room, 0)} for connections, wanted {least}; "
            f"raise it with `ulimit -n {taken + wanted}`, or see --max-connections"
        )
    return room
