"""Tells when a sequence repeats itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_PERIOD = 128
# Repetitions that are no accident, and so many tokens of them: lists and tables repeat a little, too.
MIN_REPEATS = 6
MIN_TOKENS = 96
# Looked at once in so many tokens: it costs a fraction of a millisecond.
_EVERY = 32


@dataclass(frozen=True, slots=True)
class Loop:
    """So many tokens that have come again and again, found when the sequence had `num_new` new ones."""

    period: int
    num_new: int


class LoopDetector:
    """Watches the new tokens of one sequence."""

    def __init__(self) -> None:
        self._tokens: list[int] = []

    def feed(self, token_id: int) -> Loop | None:
        """The loop that the sequence is in, if this is the moment to look and there is one."""
        self._tokens.append(token_id)
        if len(self._tokens) % _EVERY or len(self._tokens) < MIN_TOKENS:
            return None
        recent = np.asarray(self._tokens[-MAX_PERIOD * MIN_REPEATS :])
        for period in range(1, MAX_PERIOD + 1):
            span = max(period * MIN_REPEATS, MIN_TOKENS)
            if span > len(recent):
                break
            tail = recent[-span:]
            if np.array_equal(tail[period:], tail[:-period]):
                return Loop(period, len(self._tokens))
        return None
