"""Picks what the next step computes: who runs, how much of each prompt, and whose pages go when there are too few."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container
from dataclasses import dataclass, replace

from gptoss.engine.options import FEW_TOKENS
from gptoss.engine.prefix_cache import PrefixCache
from gptoss.engine.sequence import Sequence
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import KVCache
from gptoss.model.page_pool import PAGE_SIZE, pages_for

# Of a prompt in one step at least; fewer read all weights for little.
_MIN_CHUNK = 32
# Of prompts that are scored in one step: each of their tokens has logits, 800 kB of a real model.
_MAX_SCORED = 64
# How much a new observation counts.
_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next tokens of one sequence: so many that are known, then guesses.

    is_last     whether a new token follows
    num_scored  tokens whose logits are wanted besides: those of a prompt that is scored
    is_forced   whether the guesses are none: a guide forces them
    """

    sequence: Sequence
    token_ids: tuple[int, ...]
    num_known: int
    is_last: bool
    num_scored: int = 0
    is_forced: bool = False

    @property
    def num_logits(self) -> int:
        """Last tokens whose logits are wanted."""
        return self.num_scored + (1 + len(self.drafts) if self.is_last else 0)

    @property
    def drafts(self) -> tuple[int, ...]:
        """The guesses."""
        return self.token_ids[self.num_known :]


def _chunk(sequence: Sequence, num_known: int) -> Chunk:
    assert sequence.cache is not None
    start = sequence.cache.length
    is_last = num_known == sequence.num_pending
    num_scored = num_known - is_last if sequence.needs_scores else 0
    token_ids = tuple(sequence.token_ids[start : start + num_known])
    return Chunk(sequence, token_ids, num_known, is_last, num_scored)


class PrefillRate:
    """How many tokens of prompts fit into a step of a given time, by what steps have taken."""

    def __init__(self) -> None:
        self._seconds_per_token: float | None = None

    def observe(self, num_tokens: int, seconds: float) -> None:
        """A step with a part of a prompt took so long."""
        each, known = seconds / num_tokens, self._seconds_per_token
        self._seconds_per_token = each if known is None else known + _WEIGHT * (each - known)

    def tokens_in(self, seconds: float) -> int:
        """A multiple of the least chunk; the least where nothing is known."""
        if self._seconds_per_token is None:
            return _MIN_CHUNK
        return max(1, int(seconds / self._seconds_per_token / _MIN_CHUNK)) * _MIN_CHUNK


class Scheduler:
    """The sequences of one engine, waiting and running, oldest first.

    max_running  sequences that run at once
    max_chunk    tokens of prompts in one step
    max_step_s   the time of a step while answers are running, which a part of a prompt must fit into
    """

    def __init__(
        self,
        cache: KVCache,
        prefixes: PrefixCache,
        *,
        max_running: int,
        max_chunk: int,
        max_step_s: float,
        keeps_prefixes: bool = True,
    ) -> None:
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.rate = PrefillRate()
        self._cache = cache
        self._prefixes = prefixes
        self._keeps_prefixes = keeps_prefixes
        self._max_running = max_running
        self._max_chunk = max_chunk
        self._max_step_s = max_step_s
        self._turn = 0

    def admit(self) -> list[Sequence]:
        """Let waiting sequences run, as far as places and pages go; those that do from now on.

        The owner of whom fewest run comes first, and where all places are taken, gets one from the owner of whom two
        more run. One whose prompt begins as one that is being computed waits for it, and others pass.
        """
        passed: set[int] = set()
        started = []
        while (sequence := self._next_waiting(passed)) is not None:
            if self._shares_with_running(sequence):
                passed.add(id(sequence))
                continue
            if len(self.running) >= self._max_running and not self._yield_place(sequence):
                break
            # Pages are shared out like places: by the sequences that hold them.
            while not (is_started := self._start(sequence)):
                if not self._yield_place(sequence):
                    break
            if not is_started:
                break
            self.waiting.remove(sequence)
            started.append(sequence)
        # One that was preempted for another has not started.
        return [sequence for sequence in started if sequence in self.running]

    def plan(self) -> list[Chunk]:
        """What the running sequences compute next; their pages are taken, from the youngest if need be."""
        chunks = []
        num_tokens = self._share_out()
        for sequence in list(self.running):
            count = num_tokens.get(id(sequence), 0)
            if count and sequence in self.running and self._secure(sequence, count):
                chunks.append(_chunk(sequence, count))
        return chunks

    def with_drafts(self, chunk: Chunk, drafts: list[int]) -> Chunk:
        """The chunk with guesses after it, or what is forced, as many as there are free pages for."""
        sequence, cache = chunk.sequence, chunk.sequence.cache
        assert cache is not None
        room = self._cache.context - cache.length - chunk.num_known
        # The last new token follows no guess.
        drafts = drafts[: max(0, min(room, sequence.max_new - sequence.num_new - 1))]
        total = chunk.num_known + len(drafts)
        missing = cache.missing(total)
        if not drafts or any(n > self._cache.pool(kind).num_free for kind, n in missing.items()):
            return chunk
        cache.reserve(total)
        is_forced = bool(sequence.forced)
        return replace(chunk, token_ids=(*chunk.token_ids, *drafts), is_forced=is_forced)

    def remember(self, sequence: Sequence, *, is_anchor: bool) -> None:
        """Let others go on from what a sequence has computed."""
        if self._keeps_prefixes and sequence.cache is not None and sequence.cache.length:
            assert sequence.path is not None
            self._prefixes.extend(
                sequence.path, sequence.token_ids, sequence.cache, is_anchor=is_anchor
            )

    def forget_finished(self) -> None:
        """Give back the pages of sequences that have ended."""
        for sequence in self.running:
            if sequence.finish_reason is not None:
                self.remember(sequence, is_anchor=True)
                sequence.release()
        self.running = [s for s in self.running if s.finish_reason is None]
        self.waiting = deque(s for s in self.waiting if s.finish_reason is None)

    def _next_waiting(self, passed: Container[int]) -> Sequence | None:
        """The first of those whose owners have fewest running."""
        running = self._num_running_by_owner()
        candidates = (sequence for sequence in self.waiting if id(sequence) not in passed)
        return min(candidates, key=lambda each: running[each.request.owner.name], default=None)

    def _yield_place(self, sequence: Sequence) -> bool:
        """Preempt the youngest of the owner who has most, if both are nearer to equal after it."""
        found = self._youngest_of_largest(sequence)
        if found is not None:
            self._preempt(found)
        return found is not None

    def _youngest_of_largest(self, other: Sequence) -> Sequence | None:
        """Return the youngest of the owner of whom most run: at least two more than of the other's owner; else None."""
        running = self._num_running_by_owner()
        if not running:
            return None
        largest, count = running.most_common(1)[0]
        if count < running[other.request.owner.name] + 2:
            return None
        return next(s for s in reversed(self.running) if s.request.owner.name == largest)

    def _num_running_by_owner(self) -> Counter[str]:
        return Counter(sequence.request.owner.name for sequence in self.running)

    def _start(self, sequence: Sequence) -> bool:
        for kind in LayerType:
            # For a page that is copied.
            self._free_pages(kind, 1)
        cache, num_cached = self._cache.sequence(), 0
        if self._keeps_prefixes and not sequence.needs_scores:
            match = self._prefixes.match(sequence.token_ids, sequence.request.owner)
            num_cached = self._prefixes.adopt(match, cache)
        wanted = pages_for(len(sequence.token_ids) + 1) - pages_for(num_cached)
        if self.running and wanted > self._num_available() - len(self.running):
            cache.release()
            return False
        path = self._prefixes.path(sequence.request.owner)
        sequence.start(cache, path, num_cached=num_cached)
        self.running.append(sequence)
        return True

    def _shares_with_running(self, sequence: Sequence) -> bool:
        """Whether more of its prompt will be in the cache soon than is now."""
        if not self._keeps_prefixes or sequence.needs_scores:
            return False
        length, owner = len(sequence.token_ids), sequence.request.owner
        for other in self.running:
            # Waiting for another owner's would tell of it, and gain nothing.
            if other.request.owner != owner or not other.is_prefilling:
                continue
            assert other.cache is not None
            num_common = sequence.num_common(other)
            # A page beyond what it has computed must be common for waiting to gain one.
            reach = other.cache.length // PAGE_SIZE * PAGE_SIZE + PAGE_SIZE
            if reach <= num_common or num_common == length == len(other.token_ids):
                return True
        return False

    def _share_out(self) -> dict[int, int]:
        """How many tokens each running sequence computes, by its identity."""
        few = [s for s in self.running if s.num_pending <= FEW_TOKENS]
        prompts = [s for s in self.running if s.num_pending > FEW_TOKENS]
        shares = {id(s): s.num_pending for s in few}
        left = self._max_chunk
        if few:
            left = min(left, self.rate.tokens_in(self._max_step_s))
        # Whose turn it is goes around, in case there is not enough for all.
        self._turn += 1
        start = self._turn % len(prompts) if prompts else 0
        order = prompts[start:] + prompts[:start]
        left_scored = _MAX_SCORED
        for index, sequence in enumerate(order):
            fair = max(_MIN_CHUNK, left // (len(order) - index))
            share = min(sequence.num_pending, fair, left)
            if sequence.needs_scores:
                share = min(share, left_scored)
                left_scored -= share
            shares[id(sequence)] = share
            left -= share
        return shares

    def _secure(self, sequence: Sequence, num_tokens: int) -> bool:
        """Take the pages for so many tokens. False: the sequence itself was the youngest, and waits again."""
        assert sequence.cache is not None
        for kind in LayerType:
            while sequence.cache.missing(num_tokens)[kind] > self._cache.pool(kind).num_free:
                lacking = sequence.cache.missing(num_tokens)[kind] - self._cache.pool(kind).num_free
                if self._prefixes.evict(kind, lacking):
                    continue
                # Never the oldest, unless it is alone: of those of whom two run, it is not the youngest.
                youngest = self._youngest_of_largest(self.running[-1]) or self.running[-1]
                self._preempt(youngest)
                if youngest is sequence:
                    return False
        sequence.cache.reserve(num_tokens)
        return True

    def _preempt(self, sequence: Sequence) -> None:
        self.remember(sequence, is_anchor=True)
        sequence.release()
        self.running.remove(sequence)
        self.waiting.appendleft(sequence)

    def _free_pages(self, kind: LayerType, num_pages: int) -> None:
        lacking = num_pages - self._cache.pool(kind).num_free
        if lacking > 0:
            self._prefixes.evict(kind, lacking)

    def _num_available(self) -> int:
        free = self._cache.pool(LayerType.FULL).num_free
        return free + self._prefixes.num_evictable(LayerType.FULL)
