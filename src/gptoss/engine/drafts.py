"""Guesses of the next tokens without a second model: what followed the last few tokens where they stood before."""

from __future__ import annotations

from collections.abc import Sequence

# Tokens that must have stood together before. Fewer guess more often, and worse.
NGRAM = 3
MAX_DRAFT = 8
# How much a new observation counts.
_WEIGHT = 0.2
# Of guesses that nothing is known of yet.
_PRIOR_ACCEPTANCE = 0.6
# A step that was not guessed in moves the acceptance so far towards the prior, so that guessing is tried again.
_RECOVERY = 0.01
# What a further token of a step is taken to cost, in steps of one, until it has been measured.
_PRIOR_COST = 0.3


class PromptLookup:
    """Where each few tokens of one sequence stood last, and how good guesses from that have been."""

    def __init__(self) -> None:
        self.acceptance = _PRIOR_ACCEPTANCE
        self._next_by_ngram: dict[tuple[int, ...], int] = {}
        self._num_indexed = NGRAM

    def propose(self, token_ids: Sequence[int], max_tokens: int) -> list[int]:
        """What followed the last tokens before; none if they are new."""
        for end in range(self._num_indexed, len(token_ids)):
            self._next_by_ngram[tuple(token_ids[end - NGRAM : end])] = end
        self._num_indexed = max(self._num_indexed, len(token_ids))
        begin = self._next_by_ngram.get(tuple(token_ids[-NGRAM:]))
        return [] if begin is None else list(token_ids[begin : begin + max_tokens])

    def observe(self, num_drafted: int, num_accepted: int) -> None:
        """Learn from a step's guesses: tokens after the first wrong one say nothing."""
        if not num_drafted:
            self.acceptance += _RECOVERY * (_PRIOR_ACCEPTANCE - self.acceptance)
            return
        outcomes = [1.0] * num_accepted + [0.0] * (num_accepted < num_drafted)
        for outcome in outcomes:
            self.acceptance += _WEIGHT * (outcome - self.acceptance)


class DraftLength:
    """Chooses how many tokens to guess, by what steps of so many tokens have cost here."""

    def __init__(self) -> None:
        self._seconds_by_size: dict[int, float] = {}

    def observe(self, num_tokens: int, seconds: float) -> None:
        """A step that only decoded took so long."""
        known = self._seconds_by_size.get(num_tokens)
        self._seconds_by_size[num_tokens] = (
            seconds if known is None else known + _WEIGHT * (seconds - known)
        )

    def choose(self, num_sequences: int, acceptance: float) -> int:
        """The number of guesses for one of so many sequences that gives most tokens a second; 0 if none pays."""
        best, best_rate = 0, num_sequences / self._seconds(num_sequences)
        gained, chance = float(num_sequences), 1.0
        for length in range(1, MAX_DRAFT + 1):
            chance *= acceptance
            gained += chance
            rate = gained / self._seconds(num_sequences + length)
            if rate > best_rate:
                best, best_rate = length, rate
        return best

    def _seconds(self, num_tokens: int) -> float:
        known = self._seconds_by_size
        if num_tokens in known:
            return known[num_tokens]
        smaller = [size for size in known if size < num_tokens]
        if not smaller:
            # In the unit of what was measured, or the two could not be compared.
            least = min(known, default=1)
            return known.get(least, 1.0) * _prior_cost(num_tokens) / _prior_cost(least)
        nearest = max(smaller)
        larger = [size for size in known if size > num_tokens]
        if larger:
            above = min(larger)
            share = (num_tokens - nearest) / (above - nearest)
            return known[nearest] + share * (known[above] - known[nearest])
        return known[nearest] * (1 + _PRIOR_COST * (num_tokens - nearest) / nearest)


def _prior_cost(num_tokens: int) -> float:
    """What a step of so many tokens is taken to cost, in steps of one."""
    return 1 + _PRIOR_COST * (num_tokens - 1)
