"""Shares: so many of one kind, divided among owners."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.engine.owner import EVERYBODY

# An owner may hold so many times what is left free.
_TIMES_FREE = 2


@dataclass(frozen=True, slots=True)
class Shares:
    """So many of one kind, such as places in a queue, divided so that no owner can take all of them.

    An owner may hold twice as many as stay free: one alone has two thirds, two have two fifths each. Whoever holds none
    finds some in any case, so that all may hold a little more than `most`: as much as owners ask for at first.
    EVERYBODY, who is alone, has all and no more. (The rule is that of shared buffers in switches: dynamic thresholds,
    Choudhury and Hahne 1998.)
    """

    most: int

    def has_room(self, owner: str, *, wanted: int, own: int, taken: int) -> bool:
        """Whether an owner who holds `own` may take more; `taken` by all together."""
        free = self.most - taken - wanted
        if owner == EVERYBODY:
            return free >= 0
        return own == 0 or own + wanted <= _TIMES_FREE * free
