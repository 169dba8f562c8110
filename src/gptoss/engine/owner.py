"""Whose a request is, and how what all share is divided among owners."""

from __future__ import annotations

from dataclasses import dataclass

# Nobody is told apart: the owner of everything where no keys are asked for.
EVERYBODY = ""
# An owner may hold so many times what is left free.
_TIMES_FREE = 2


@dataclass(frozen=True, slots=True)
class Owner:
    """Who asks. What was computed for one owner is found by that owner's prompts alone.

    name        of the owner, as the caller tells them apart
    num_shared  first tokens of the prompt that everybody's prompts may find: text that is nobody's secret
    """

    name: str = EVERYBODY
    num_shared: int = 0

    def of_page(self, stop: int) -> str:
        """Name of the owner of the page that has room up to token `stop` of the prompt."""
        return EVERYBODY if stop <= self.num_shared else self.name


@dataclass(frozen=True, slots=True)
class Shares:
    """Places of one kind, divided so that no owner can take all of them.

    An owner may hold twice as many as stay free: one alone has two thirds, two have two fifths each, and a further one
    always finds some. EVERYBODY, who is alone, has all. (The rule is that of shared buffers in switches: dynamic
    thresholds, Choudhury and Hahne 1998.)
    """

    most: int

    def has_room(self, owner: str, *, wanted: int, own: int, taken: int) -> bool:
        """Whether an owner who holds `own` of the places may take more; `taken` by all together."""
        free = self.most - taken - wanted
        return free >= 0 and (owner == EVERYBODY or own + wanted <= max(1, _TIMES_FREE * free))
