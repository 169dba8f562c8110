"""The engine's timeline of one request."""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from gptoss.engine.drafts import PromptLookup
from gptoss.engine.logprobs import TokenLogprobs
from gptoss.engine.loops import Loop, LoopDetector
from gptoss.engine.penalties import TokenCounts
from gptoss.engine.prefix_cache import Path
from gptoss.engine.request import FinishReason, Request, Timings
from gptoss.model.kv_cache import SequenceCache
from gptoss.model.page_pool import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Token:
    """A new token, with its logprobs where the request asks for them; one that a guide forced was not sampled."""

    id: int
    logprobs: TokenLogprobs | None = None
    is_forced: bool = False


class Sequence:
    """Token ids so far, how many of them the cache holds, and when what happened."""

    def __init__(self, request: Request, room: int) -> None:
        """`room`: new tokens that the context leaves."""
        self.request = request
        self.token_ids = [int(token_id) for token_id in request.token_ids]
        self.num_prompt = len(self.token_ids)
        wanted = request.max_tokens
        self.max_new = room if wanted is None else min(wanted, room)
        drawn = secrets.randbits(64)
        self.seed = drawn if request.sampling.seed is None else request.sampling.seed
        self.counts = TokenCounts(request.sampling, self.token_ids)
        self.lookup = PromptLookup()
        self.cache: SequenceCache | None = None
        self.path: Path | None = None
        self.finish_reason: FinishReason | None = None
        self.loop: Loop | None = None
        # What a guide forces next, and what was forced before the prompt was read: it is given out with what follows.
        self.forced: deque[int] = deque()
        self.begun: list[Token] = []
        self.is_read = False
        # Of the prompt's tokens after the first, if the request asks for them.
        self.prompt_logprobs: list[TokenLogprobs] = []
        self._loops = LoopDetector()
        self._num_common: WeakKeyDictionary[Sequence, tuple[int, int]] = WeakKeyDictionary()
        self._num_cached = self._num_drafted = self._num_accepted = 0
        self._starts = 0
        self._submitted = time.perf_counter()
        self._started = self._first = self._last = 0.0

    @property
    def num_new(self) -> int:
        """Tokens generated so far."""
        return len(self.token_ids) - self.num_prompt

    @property
    def num_pending(self) -> int:
        """Tokens that the cache does not hold yet."""
        return len(self.token_ids) - (self.cache.length if self.cache else 0)

    @property
    def is_prefilling(self) -> bool:
        """Whether more than the last token is to be computed before there is a new one."""
        return self.num_pending > 1

    @property
    def num_prefilled(self) -> int:
        """Tokens of the prompt that are computed, or were once."""
        if self.is_read:
            return self.num_prompt
        return min(self.cache.length, self.num_prompt) if self.cache else 0

    @property
    def needs_scores(self) -> bool:
        """Whether more of its prompt's logprobs are wanted."""
        return self.request.scores_prompt and len(self.prompt_logprobs) < self.num_prompt - 1

    def would_end(self, token_id: int) -> bool:
        """Whether this token would be its last."""
        return token_id in self.request.stop_ids or self.num_new + 1 >= self.max_new

    def num_common(self, other: Sequence) -> int:
        """First tokens that are the same; while neither grows, they are compared once."""
        size = len(self.token_ids) + len(other.token_ids)
        known_size, count = self._num_common.get(other, (0, 0))
        if size != known_size:
            count = _num_common(self.token_ids, other.token_ids)
            self._num_common[other] = size, count
        return count

    def start(self, cache: SequenceCache, path: Path, *, num_cached: int) -> None:
        """Take the sequence out of the queue, with so many tokens in the cache."""
        self.cache, self.path = cache, path
        if not self._starts:
            self._started = time.perf_counter()
            self._num_cached = num_cached
        self._starts += 1

    def append(self, token: Token) -> None:
        """Add a new token, and end the sequence where the request says so."""
        assert self.finish_reason is None
        self.token_ids.append(token.id)
        self.counts.add(token.id)
        self.loop = self.loop or self._loops.feed(token.id)
        self._last = time.perf_counter()
        if not self._first and not token.is_forced:
            self._first = self._last
        if token.id in self.request.stop_ids:
            self.finish_reason = FinishReason.STOP
        elif self.num_new >= self.max_new:
            self.finish_reason = FinishReason.LENGTH

    def end_unanswered(self) -> None:
        """End a sequence that is to have no new tokens, once its prompt is read."""
        assert not self.max_new
        self._last = time.perf_counter()
        self.finish_reason = FinishReason.LENGTH

    def drafted(self, num_drafted: int, num_accepted: int) -> None:
        """Count the guesses of a step."""
        self.lookup.observe(num_drafted, num_accepted)
        self._num_drafted += num_drafted
        self._num_accepted += num_accepted

    def release(self) -> None:
        """Give the pages back."""
        if self.cache is not None:
            self.cache.release()
            self.cache = self.path = None

    @property
    def timings(self) -> Timings:
        """Up to now."""
        # Where every token was forced, there was nothing to decode.
        first = self._first or self._last
        return Timings(
            queue_s=max(0.0, self._started - self._submitted),
            prefill_s=max(0.0, first - self._started),
            decode_s=max(0.0, self._last - first),
            prompt_tokens=self.num_prompt,
            completion_tokens=self.num_new,
            cached_tokens=self._num_cached,
            drafted_tokens=self._num_drafted,
            accepted_tokens=self._num_accepted,
            preemptions=max(0, self._starts - 1),
        )


def _num_common(first: list[int], second: list[int]) -> int:
    most = min(len(first), len(second))
    for start in range(0, most, PAGE_SIZE):
        stop = min(start + PAGE_SIZE, most)
        if first[start:stop] != second[start:stop]:
            pairs = zip(first[start:stop], second[start:stop], strict=True)
            return start + next(index for index, (one, other) in enumerate(pairs) if one != other)
    return most
