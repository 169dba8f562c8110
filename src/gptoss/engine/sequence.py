"""The engine's timeline of one request."""

from __future__ import annotations

import secrets
import time

from gptoss.engine.request import FinishReason, Request, Timings
from gptoss.model.kv_cache import SequenceCache


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
        self.cache: SequenceCache | None = None
        self.finish_reason: FinishReason | None = None
        self._submitted = time.perf_counter()
        self._started = self._first = self._last = 0.0

    @property
    def num_new(self) -> int:
        """Tokens generated so far."""
        return len(self.token_ids) - self.num_prompt

    def start(self, cache: SequenceCache) -> None:
        """Take the sequence out of the queue."""
        self.cache = cache
        self._started = time.perf_counter()

    def append(self, token_id: int) -> None:
        """Add a new token, and end the sequence where the request says so."""
        self.token_ids.append(token_id)
        self._last = time.perf_counter()
        if self.num_new == 1:
            self._first = self._last
        if token_id in self.request.stop_ids:
            self.finish(FinishReason.STOP)
        elif self.num_new >= self.max_new:
            self.finish(FinishReason.LENGTH)

    def finish(self, reason: FinishReason) -> None:
        """End the sequence and give its pages back."""
        self.finish_reason = reason
        if self.cache is not None:
            self.cache.release()
            self.cache = None

    @property
    def timings(self) -> Timings:
        """Up to now."""
        return Timings(
            queue_s=max(0.0, self._started - self._submitted),
            prefill_s=max(0.0, self._first - self._started),
            decode_s=max(0.0, self._last - self._first),
            prompt_tokens=self.num_prompt,
            completion_tokens=self.num_new,
        )
