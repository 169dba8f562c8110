"""The places for connections: who has one, and who gives one up when another comes."""

from __future__ import annotations

import time
from typing import Protocol

# How long a client may leave a request half sent, or a reply unread, while others find no place.
_PATIENCE_S = 5.0
# What no two addresses of people who share a server differ by.
_MANY_TIMES = 8


class Guest(Protocol):
    """A connection that has a place."""

    @property
    def waits_since(self) -> float | None:
        """When the server began to wait for the client in the middle of a request; None if it does not."""

    def evict(self) -> None:
        """End at once."""


class _Origin:
    """Guests from one address. Of those at rest, the one that rests longest comes first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.resting: dict[Guest, float] = {}
        self.working: set[Guest] = set()

    def __len__(self) -> int:
        return len(self.resting) + len(self.working)

    @property
    def longest(self) -> tuple[Guest, float]:
        """Who rests longest, and since when."""
        return next(iter(self.resting.items()))


class Places:
    """So many connections at once.

    When all are taken, the address that has most of them gives one up: a connection without a request, the
    one that has been so for longest. Without such a one, a request that waits for its client; at once, at
    an address that has more than half of them or many times what the newcomer's has.
    """

    def __init__(self, num: int) -> None:
        self.num = num
        self._origins: dict[str, _Origin] = {}
        self._origin_by_guest: dict[Guest, _Origin] = {}

    @property
    def num_taken(self) -> int:
        """How many guests there are."""
        return len(self._origin_by_guest)

    @property
    def num_working(self) -> int:
        """Those of them with a request in progress."""
        return sum(len(origin.working) for origin in self._origins.values())

    @property
    def is_full(self) -> bool:
        """Whether the next one needs room."""
        return self.num_taken >= self.num

    def enter(self, guest: Guest, address: str) -> None:
        """Give it a place; it rests."""
        origin = self._origins.setdefault(address, _Origin(address))
        self._origin_by_guest[guest] = origin
        origin.resting[guest] = time.monotonic()

    def leave(self, guest: Guest) -> None:
        """Take its place, if it has one."""
        origin = self._origin_by_guest.pop(guest, None)
        if origin is not None:
            origin.resting.pop(guest, None)
            origin.working.discard(guest)
            if not origin:
                del self._origins[origin.name]

    def rest(self, guest: Guest) -> None:
        """Note that it has no request in progress, from now on."""
        origin = self._origin_by_guest.get(guest)
        if origin is not None:
            origin.working.discard(guest)
            origin.resting.pop(guest, None)
            origin.resting[guest] = time.monotonic()

    def work(self, guest: Guest) -> None:
        """Note that it has a request in progress."""
        origin = self._origin_by_guest.get(guest)
        if origin is not None:
            origin.resting.pop(guest, None)
            origin.working.add(guest)

    def make_room(self, address: str) -> bool:
        """Take a place for a newcomer of that address from whoever can do without. False if nobody can."""
        origins = [origin for origin in self._origins.values() if origin.resting]
        if origins:
            most = max(origins, key=lambda origin: (len(origin), -origin.longest[1]))
            found: Guest | None = most.longest[0]
        else:
            found = self._waiting(address)
        if found is None:
            return False
        self.leave(found)
        found.evict()
        return True

    def _waiting(self, address: str) -> Guest | None:
        """Whose client has kept the server waiting for longest, at the address that has most of such."""
        now = time.monotonic()
        own = self._origins.get(address, ())
        for origin in sorted(self._origins.values(), key=len, reverse=True):
            most = min(self.num // 2, _MANY_TIMES * (len(own) + 1))
            is_greedy = origin.name != address and len(origin) > most
            patience = 0.0 if is_greedy else _PATIENCE_S
            waiting = [
                (since, guest)
                for guest in origin.working
                if (since := guest.waits_since) is not None and now - since >= patience
            ]
            if waiting:
                return min(waiting, key=lambda each: each[0])[1]
        return None
