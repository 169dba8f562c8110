"""Runs sequences step by step. One at a time for now; a step already is a batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gptoss.engine.request import FinishReason, Request
from gptoss.engine.sampling import sample
from gptoss.engine.sequence import Sequence
from gptoss.errors import RequestError
from gptoss.kernels import Float32
from gptoss.model.batch import Batch, check_token_ids
from gptoss.model.transformer import Transformer

MAX_RUNNING = 1
# Tokens of a prompt in one step, so that a cancelled one ends within seconds on a slow machine. Larger steps gain
# little: the weights are read once a step, which at this size takes a small share of its time.
PREFILL_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Output:
    """What a step gave one sequence: a new token, or the error that ended it."""

    sequence: Sequence
    token_id: int | None
    error: Exception | None = None


class Engine:
    """Sequences over one model. Not thread-safe: its worker owns it.

    `context` is the number of tokens that a sequence may have, the model's own by default.
    """

    def __init__(self, model: Transformer, *, context: int | None = None) -> None:
        """Raises RequestError for a context of no tokens."""
        self._model = model
        self._cache = model.new_cache(max_tokens=context, max_sequences=MAX_RUNNING)
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []

    @property
    def context(self) -> int:
        """Tokens that a sequence may have, prompt and answer together."""
        return self._cache.context

    @property
    def num_waiting(self) -> int:
        """Sequences that have not started."""
        return len(self._waiting)

    def check(self, request: Request) -> None:
        """Raises RequestError for ids beyond the vocabulary, or a prompt that leaves no room for an answer."""
        ids = check_token_ids(np.asarray(request.token_ids), self._model.config)
        if len(ids) >= self.context:
            raise RequestError(
                f"got a prompt of {len(ids)} tokens, wanted fewer than the context of {self.context}; "
                "shorten the conversation"
            )

    def add(self, request: Request) -> Sequence:
        """Queue a request. Raises RequestError as `check` does."""
        self.check(request)
        sequence = Sequence(request, self.context - len(request.token_ids))
        self._waiting.append(sequence)
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence before its next step; one that has ended stays as it is."""
        if sequence.finish_reason is None:
            sequence.finish(FinishReason.CANCELLED)
        self._forget_finished()

    def step(self) -> list[Output]:
        """One forward pass: a chunk of each running prompt, or one more token of each running answer.

        Empty when there is nothing to do, or while a prompt takes several chunks.
        """
        while self._waiting and len(self._running) < MAX_RUNNING:
            sequence = self._waiting.popleft()
            sequence.start(self._cache.sequence())
            self._running.append(sequence)
        if not self._running:
            return []
        outputs = [self._sample(sequence, row) for sequence, row in self._forward()]
        self._forget_finished()
        return outputs

    def _forward(self) -> list[tuple[Sequence, Float32]]:
        """The logits of each running sequence whose tokens are now all in the cache."""
        chunks, wanted, ready = [], [], []
        num_tokens = 0
        for sequence in self._running:
            cache = sequence.cache
            assert cache is not None
            pending = sequence.token_ids[cache.length : cache.length + PREFILL_CHUNK]
            chunks.append((cache, np.asarray(pending, np.int64)))
            num_tokens += len(pending)
            if cache.length + len(pending) == len(sequence.token_ids):
                ready.append(sequence)
                wanted.append(num_tokens - 1)
        logits = self._model.forward(Batch.of(chunks, wanted))
        return list(zip(ready, logits, strict=True))

    def _sample(self, sequence: Sequence, logits: Float32) -> Output:
        request = sequence.request
        try:
            for processor in request.processors:
                logits = processor(sequence.token_ids, logits)
            token_id = sample(
                logits, request.sampling, seed=sequence.seed, position=len(sequence.token_ids)
            )
        except Exception as error:
            # A processor is the caller's code: what it raises ends its own request and no other.
            sequence.finish(FinishReason.CANCELLED)
            return Output(sequence, None, error)
        sequence.append(token_id)
        return Output(sequence, token_id)

    def _forget_finished(self) -> None:
        self._running = [s for s in self._running if s.finish_reason is None]
        self._waiting = deque(s for s in self._waiting if s.finish_reason is None)
