"""Runs sequences step by step: schedule, forward, sample, publish."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from gptoss.engine.drafts import MAX_DRAFT, DraftLength
from gptoss.engine.logprobs import logprobs_of
from gptoss.engine.options import FEW_TOKENS, EngineOptions
from gptoss.engine.penalties import adjust
from gptoss.engine.prefix_cache import PrefixCache
from gptoss.engine.request import FinishReason, Request
from gptoss.engine.sampling import sample
from gptoss.engine.sampling_params import check_bias
from gptoss.engine.scheduler import Chunk, Scheduler
from gptoss.engine.sequence import Sequence, Token
from gptoss.errors import ContextLengthError, EngineError, GptossError
from gptoss.kernels import Float32
from gptoss.model.batch import Batch, check_token_ids
from gptoss.model.kv_cache import KVCache
from gptoss.model.transformer import Transformer


@dataclass(frozen=True, slots=True)
class Output:
    """What a step gave one sequence: new tokens, and the error that ended it if one did."""

    sequence: Sequence
    tokens: tuple[Token, ...]
    error: Exception | None = None


@dataclass
class _Accepted:
    """What became of a chunk's logits."""

    tokens: list[Token] = field(default_factory=list)
    num_accepted: int = 0


class Engine:
    """Sequences over one model. Not thread-safe: its worker owns it.

    A sequence's tokens do not depend on what else runs, nor on any option.
    """

    def __init__(self, model: Transformer, options: EngineOptions | None = None) -> None:
        """Raises RequestError for a context that the model does not have."""
        self._model = model
        self.options = options or EngineOptions()
        self.options.require_context(model.config.max_positions)
        self._cache = self._new_cache()
        self._drafts = DraftLength()
        self._prefixes, self._scheduler = self._new_scheduler()

    @property
    def context(self) -> int:
        """Tokens that a sequence may have, prompt and answer together."""
        return min(self._cache.context, self.options.context or self._cache.context)

    @property
    def num_waiting(self) -> int:
        """Sequences that have not started."""
        return len(self._scheduler.waiting)

    def waiting_owners(self) -> list[str]:
        """Return the owners of the sequences that have not started, one name each. From any thread."""
        # The copy is one step of the interpreter's.
        return [sequence.request.owner.name for sequence in list(self._scheduler.waiting)]

    @property
    def num_running(self) -> int:
        """Sequences that have."""
        return len(self._scheduler.running)

    @property
    def cache(self) -> KVCache:
        """Keys and values of all sequences."""
        return self._cache

    @property
    def prefixes(self) -> PrefixCache:
        """What prompts go on from."""
        return self._prefixes

    def check(self, request: Request) -> None:
        """Raises RequestError for ids beyond the vocabulary, or a prompt that leaves no room for an answer."""
        ids = check_token_ids(np.asarray(request.token_ids), self._model.config)
        check_bias(request.sampling, self._model.config.vocab_size)
        if len(ids) >= self.context:
            raise ContextLengthError(len(ids), self.context)

    def add(self, request: Request) -> Sequence:
        """Queue a request. Raises RequestError as `check` does."""
        self.check(request)
        sequence = Sequence(request, self.context - len(request.token_ids))
        self._scheduler.waiting.append(sequence)
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence before its next step; one that has ended stays as it is."""
        if sequence.finish_reason is None:
            sequence.finish_reason = FinishReason.CANCELLED
        self._scheduler.forget_finished()

    def reset(self, *, waiting: bool = True) -> None:
        """Forget the running sequences and all prefixes, after a fault that may have left them half-done.

        `waiting`: whether those that have not started are kept.
        """
        kept = self._scheduler.waiting if waiting else ()
        for sequence in self._scheduler.running:
            sequence.finish_reason = sequence.finish_reason or FinishReason.CANCELLED
            sequence.cache = sequence.path = None
        self._cache = self._new_cache()
        self._prefixes, self._scheduler = self._new_scheduler()
        self._scheduler.waiting.extend(kept)

    def step(self) -> list[Output]:
        """One forward pass: a part of running prompts, and one or more further tokens of running answers.

        Empty when there is nothing to do, or while prompts take several steps.
        """
        scheduler = self._scheduler
        outputs = []
        for sequence in scheduler.admit():
            if not sequence.num_new and (failed := self._begin(sequence)) is not None:
                outputs.append(failed)
        scheduler.forget_finished()
        chunks = [self._with_drafts(chunk) for chunk in scheduler.plan()]
        if chunks:
            outputs += [self._publish(chunk, logits) for chunk, logits in self._forward(chunks)]
        scheduler.forget_finished()
        return [each for each in outputs if each.tokens or each.sequence.finish_reason is not None]

    def _new_cache(self) -> KVCache:
        options = self.options
        return self._model.new_cache(
            max_tokens=options.num_cache_tokens(self._model.config.max_positions),
            max_sequences=options.max_running,
            spare_tokens=options.spare_tokens if options.keeps_prefixes else 0,
            cache_type=options.cache_type,
        )

    def _new_scheduler(self) -> tuple[PrefixCache, Scheduler]:
        options, prefixes = self.options, PrefixCache(self._cache)
        scheduler = Scheduler(
            self._cache,
            prefixes,
            max_running=options.max_running,
            max_chunk=options.max_chunk,
            max_step_s=options.max_step_s,
            keeps_prefixes=options.keeps_prefixes,
        )
        return prefixes, scheduler

    def _with_drafts(self, chunk: Chunk) -> Chunk:
        sequence = chunk.sequence
        if sequence.forced:
            if not chunk.is_last or sequence.request.sampling.logprobs is None:
                return chunk
            # Not appended yet, because their logits are wanted: now, all at once.
            return self._scheduler.with_drafts(chunk, list(sequence.forced)[:MAX_DRAFT])
        num_running = self.num_running
        if not self.options.speculates or not chunk.is_last or chunk.num_known > FEW_TOKENS:
            return chunk
        length = self._drafts.choose(num_running, sequence.lookup.acceptance)
        drafts = sequence.lookup.propose(sequence.token_ids, length)
        return self._scheduler.with_drafts(chunk, drafts) if drafts else chunk

    def _forward(self, chunks: list[Chunk]) -> Iterable[tuple[Chunk, Float32 | Exception]]:
        """Each chunk with the logits of its last known token and of its guesses; none while more of it is to come.

        Those of a prompt that is scored come before them.
        """
        began = time.perf_counter()
        caches = [chunk.sequence.cache for chunk in chunks if chunk.sequence.cache is not None]
        lengths = [cache.length for cache in caches]
        try:
            results: Iterable[tuple[Chunk, Float32 | Exception]] = self._forward_together(chunks)
        except Exception as error:
            for cache, length in zip(caches, lengths, strict=True):
                # The pass may have counted its tokens before it failed.
                cache.rewind(cache.length - length)
            if len(chunks) == 1:
                return [(chunks[0], error)]
            # What is wrong with one must not end the others.
            return [result for chunk in chunks for result in self._forward([chunk])]
        seconds = time.perf_counter() - began
        num_tokens = sum(len(chunk.token_ids) for chunk in chunks)
        if all(chunk.num_known == 1 for chunk in chunks):
            self._drafts.observe(num_tokens, seconds)
        elif any(chunk.num_known > FEW_TOKENS and not chunk.num_scored for chunk in chunks):
            self._scheduler.rate.observe(num_tokens, seconds)
        return results

    def _forward_together(self, chunks: list[Chunk]) -> list[tuple[Chunk, Float32 | Exception]]:
        parts, counts = [], []
        wanted: list[int] = []
        num_tokens = 0
        for chunk in chunks:
            cache = chunk.sequence.cache
            assert cache is not None
            parts.append((cache, np.asarray(chunk.token_ids, np.int64)))
            num_tokens += len(chunk.token_ids)
            wanted += range(num_tokens - chunk.num_logits, num_tokens)
            counts.append(chunk.num_logits)
        logits = self._model.forward(Batch.of(parts, wanted))
        return list(zip(chunks, np.split(logits, np.cumsum(counts)[:-1]), strict=True))

    def _publish(self, chunk: Chunk, logits: Float32 | Exception) -> Output:
        """Choose tokens, take wrong guesses back, and remember what was computed."""
        sequence, found = chunk.sequence, _Accepted()
        cache = sequence.cache
        assert cache is not None
        if isinstance(logits, Exception):
            return self._failed(sequence, (), logits, is_ours=True)
        start = cache.length - len(chunk.token_ids)
        self._score(sequence, start, logits[: chunk.num_scored])
        if not chunk.is_last:
            self._scheduler.remember(sequence, is_anchor=False)
            return Output(sequence, ())
        sequence.is_read = True
        try:
            self._choose(chunk, logits[chunk.num_scored :], found)
        except Exception as error:
            # A processor is the caller's code: what it raises ends its own request and no other.
            cache.rewind(len(chunk.drafts) - found.num_accepted)
            return self._failed(sequence, tuple(found.tokens), error)
        cache.rewind(len(chunk.drafts) - found.num_accepted)
        if not chunk.is_forced:
            sequence.drafted(len(chunk.drafts), found.num_accepted)
        if chunk.num_known > FEW_TOKENS or not sequence.num_new - len(found.tokens):
            self._scheduler.remember(sequence, is_anchor=True)
        return self._given_out(sequence, found.tokens)

    def _score(self, sequence: Sequence, start: int, logits: Float32) -> None:
        """Note how likely the prompt's own tokens were, from logits of its positions from `start` on."""
        num_top = sequence.request.sampling.logprobs
        for position, row in enumerate(logits, start):
            # A sequence that was preempted is computed again.
            if len(sequence.prompt_logprobs) == position and num_top is not None:
                token_id = sequence.token_ids[position + 1]
                sequence.prompt_logprobs.append(logprobs_of(row, token_id, num_top))

    def _given_out(
        self, sequence: Sequence, tokens: Iterable[Token], error: Exception | None = None
    ) -> Output:
        begun, sequence.begun = sequence.begun, []
        return Output(sequence, (*begun, *tokens), error)

    def _choose(self, chunk: Chunk, logits: Float32, found: _Accepted) -> None:
        """One token for every row, as long as the guesses before it were right."""
        sequence = chunk.sequence
        if not sequence.max_new:
            sequence.end_unanswered()
            return
        for index, row in enumerate(logits):
            token = self._next(sequence, row)
            sequence.append(token)
            found.tokens.append(token)
            is_right = index < len(chunk.drafts) and token.id == chunk.drafts[index]
            # Its keys and values are there, even if nothing follows it.
            found.num_accepted += is_right
            has_added = self._add_forced(sequence, found.tokens)
            if has_added or not is_right or sequence.finish_reason is not None:
                return

    def _next(self, sequence: Sequence, logits: Float32) -> Token:
        """The token that is forced, else one that is sampled."""
        num_top, is_forced = sequence.request.sampling.logprobs, bool(sequence.forced)
        raw = logits.copy() if num_top is not None and not is_forced else logits
        token_id = sequence.forced.popleft() if is_forced else self._sample(sequence, logits)
        logprobs = None if num_top is None else logprobs_of(raw, token_id, num_top)
        return Token(token_id, logprobs, is_forced)

    def _sample(self, sequence: Sequence, logits: Float32) -> int:
        params = sequence.request.sampling
        adjust(logits, params, sequence.counts)
        for processor in sequence.request.processors:
            logits = processor(sequence.token_ids, logits)
        return sample(logits, params, seed=sequence.seed, position=len(sequence.token_ids))

    def _add_forced(self, sequence: Sequence, tokens: list[Token]) -> bool:
        """Append what a guide forces, as far as it needs no logits; whether that is anything."""
        has_added = False
        while sequence.finish_reason is None and self._is_forced(sequence):
            if sequence.request.sampling.logprobs is not None:
                break
            if not sequence.is_read and sequence.would_end(sequence.forced[0]):
                # The prompt is read in any case: whoever asks for one token may want it in the cache.
                break
            token = Token(sequence.forced.popleft(), is_forced=True)
            sequence.append(token)
            tokens.append(token)
            has_added = True
        return has_added

    def _is_forced(self, sequence: Sequence) -> bool:
        """Whether a guide decides what comes next; then that is in `sequence.forced`."""
        if not sequence.forced:
            sequence.forced += self._forced(sequence)
        return bool(sequence.forced)

    def _forced(self, sequence: Sequence) -> list[int]:
        """What the first guide that forces anything does."""
        for guide in sequence.request.guides:
            forced = [int(token_id) for token_id in guide.forced(sequence.token_ids)]
            if forced:
                return forced
        return []

    def _begin(self, sequence: Sequence) -> Output | None:
        """Begin with what is forced, which is given out when the prompt is read; what came of it if a guide fails."""
        try:
            self._add_forced(sequence, sequence.begun)
        except Exception as error:
            return self._failed(sequence, (), error)
        return None

    def _failed(
        self,
        sequence: Sequence,
        tokens: tuple[Token, ...],
        error: Exception,
        *,
        is_ours: bool = False,
    ) -> Output:
        sequence.finish_reason = FinishReason.CANCELLED
        # Nobody goes on from what ended badly.
        sequence.release()
        if is_ours and not isinstance(error, GptossError):
            cause, error = error, EngineError(f"the step failed: {type(error).__name__}: {error}")
            error.__cause__ = cause
        return self._given_out(sequence, tokens, error)
