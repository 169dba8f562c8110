"""A model without arithmetic that looks after its pages: a step fails where one holds what is not the sequence's."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gptoss.engine import Engine, EngineOptions, Request
from gptoss.engine.prefix_cache import Node
from gptoss.engine.sequence import Sequence as EngineSequence
from gptoss.kernels import Float32
from gptoss.model.batch import Batch
from gptoss.model.config import Config, LayerType, alternating_layers
from gptoss.model.kv_cache import KVCache, SequenceCache
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.precision import CacheType
from gptoss.model.transformer import Transformer
from tests.model.random_model import SMALL

VOCABULARY = 64
# What the model chooses itself; few, so that guesses are right now and then.
CHOICES = 5
# Float32 holds every whole number below it.
_MODULUS = 16_777_213


def config(*, window: int, context: int) -> Config:
    """Of two layers, one of each kind."""
    return dataclasses.replace(
        SMALL,
        vocab_size=VOCABULARY,
        layer_types=alternating_layers(2),
        sliding_window=window,
        max_positions=context,
    )


def next_id(token_ids: Sequence[int]) -> int:
    """What follows: of the last two tokens mostly, which makes it go round, and of all at times."""
    if len(token_ids) % 11 == 0:
        return sum(token_ids) % CHOICES
    before = token_ids[-2] if len(token_ids) > 1 else 0
    return (7 * token_ids[-1] + 3 * before + 1) % CHOICES


class FollowThrees:
    """A guide that writes three tokens after any that divides by three, and begins some answers itself."""

    def forced(self, token_ids: Sequence[int]) -> list[int]:
        """A function of the token ids alone."""
        last = token_ids[-1]
        return [60, 61, 62][: 1 + len(token_ids) % 3] if last % 3 == 0 else []


@dataclasses.dataclass(frozen=True)
class Shift:
    """A processor by which answers to one prompt differ: all choices are so many ids further."""

    by: int

    def __call__(self, _: Sequence[int], logits: Float32) -> Float32:
        return np.roll(logits, self.by)


def alone(request: Request, context: int) -> list[int]:
    """The new tokens of a request that runs without an engine."""
    ids = list(request.token_ids)
    room = context - len(ids)
    limit = room if request.max_tokens is None else min(room, request.max_tokens)
    new: list[int] = []
    shift = sum(processor.by for processor in request.processors if isinstance(processor, Shift))

    def has_ended() -> bool:
        return len(new) == limit or bool(new and new[-1] in request.stop_ids)

    def add_forced() -> None:
        while not has_ended():
            forced = [list(guide.forced(ids)) for guide in request.guides]
            following = next((token_ids for token_ids in forced if token_ids), [])
            if not following:
                return
            for token_id in following:
                if not has_ended():
                    new.append(token_id)
                    ids.append(token_id)

    add_forced()
    while not has_ended():
        new.append(next_id(ids) + shift)
        ids.append(new[-1])
        add_forced()
    return new


def fingerprints(token_ids: Sequence[int]) -> Float32:
    """(tokens): what stands for a token's keys and values, a number that depends on it and all before it."""
    made, last = [], 0
    for token_id in token_ids:
        last = (last * 31_337 + token_id + 1) % _MODULUS
        made.append(last)
    return np.asarray(made, np.float32)


class PagedModel(Transformer):
    """Writes a fingerprint for every token, and reads those that the token sees.

    owners  the sequences that may run, to know what their pages should hold
    fails   whether a sequence's forward pass is to fail, at its end
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.owners: Callable[[], Sequence[EngineSequence]] = list
        self.fails: Callable[[EngineSequence], bool] = lambda _: False
        self.num_tokens_by_step: list[dict[int, int]] = []

    def new_cache(
        self,
        *,
        max_tokens: int | None = None,
        max_sequences: int = 1,
        spare_tokens: int = 0,
        cache_type: CacheType | None = None,
    ) -> KVCache:
        cache = KVCache(
            self.config,
            CacheType.FLOAT32,
            max_tokens=max_tokens,
            max_sequences=max_sequences,
            spare_tokens=spare_tokens,
        )
        for kind in LayerType:
            cache.pool(kind).pages[...] = -1
        return cache

    def forward(self, batch: Batch) -> Float32:
        batch.reserve()
        owner_by_cache = {id(owner.cache): owner for owner in self.owners()}
        ends = np.cumsum(batch.num_tokens)
        rows, failed = [], False
        counts = {}
        for cache, end, count in zip(batch.sequences, ends, batch.num_tokens, strict=True):
            owner = owner_by_cache[id(cache)]
            ids = [*owner.token_ids[: cache.length], *batch.token_ids[end - count : end].tolist()]
            known = min(len(ids), len(owner.token_ids))
            assert ids[:known] == owner.token_ids[:known], "the batch has other tokens"
            self._store(cache, ids)
            self._verify(cache, ids)
            rows += [next_id(ids[:length]) for length in range(cache.length + 1, len(ids) + 1)]
            counts[id(owner)] = count
            failed |= self.fails(owner)
        batch.advance()
        if failed:
            raise ZeroDivisionError("made to fail")
        self.num_tokens_by_step.append(counts)
        logits = np.zeros((len(batch.wanted), self.config.vocab_size), np.float32)
        logits[np.arange(len(logits)), np.asarray(rows)[batch.wanted]] = 1
        return logits

    def _store(self, cache: SequenceCache, ids: Sequence[int]) -> None:
        positions = np.arange(cache.length, len(ids))
        for kind in LayerType:
            page, slot = cache.page_table(kind)[positions // PAGE_SIZE], positions % PAGE_SIZE
            assert (page >= 0).all(), f"{kind}: no page to write to"
            cache.cache.pool(kind).pages[0, page, 0, 0, slot] = fingerprints(ids)[positions]

    def _verify(self, cache: SequenceCache, ids: Sequence[int]) -> None:
        for kind in LayerType:
            # What the first of the new tokens sees.
            seen = cache.length + 1 if kind is LayerType.FULL else self.config.sliding_window
            first = max(0, cache.length + 1 - seen)
            positions = np.arange(first, len(ids))
            page, slot = cache.page_table(kind)[positions // PAGE_SIZE], positions % PAGE_SIZE
            assert (page >= 0).all(), f"{kind}: a page that is seen was given back"
            stored = cache.cache.pool(kind).pages[0, page, 0, 0, slot]
            wrong = positions[stored != fingerprints(ids)[positions]]
            assert not wrong.size, f"{kind}: positions {wrong} of {len(ids)} are another's"


def paged_engine(options: EngineOptions, *, window: int, context: int) -> tuple[Engine, PagedModel]:
    """An engine over such a model, which knows what runs."""
    model = PagedModel(config(window=window, context=context))
    engine = Engine(model, options)
    model.owners = lambda: engine._scheduler.running
    return engine, model


def assert_sound(engine: Engine, sequences: Sequence[EngineSequence]) -> None:
    """Every page is held by just those that have it, and only running sequences have any."""
    running, waiting = engine._scheduler.running, engine._scheduler.waiting
    assert len(running) <= engine.options.max_running
    unfinished = [*running, *waiting]
    assert len(set(map(id, unfinished))) == len(unfinished)
    assert set(map(id, unfinished)) == {id(s) for s in sequences if s.finish_reason is None}
    assert all((sequence.cache is not None) == (sequence in running) for sequence in sequences)
    nodes = list(engine.prefixes._nodes())
    for kind in LayerType:
        pool = engine.cache.pool(kind)
        free = pool._free
        assert len(set(free)) == len(free), f"{kind}: a page is free twice"
        holders = Counter(_pages(nodes, kind))
        in_tree = set(holders)
        assert len(in_tree) == holders.total(), f"{kind}: two prefixes have one page"
        for sequence in running:
            assert sequence.cache is not None
            table = sequence.cache.page_table(kind)
            holders.update(table[table >= 0].tolist())
        held = {page: pool.num_holders(page) for page in range(pool.num_pages)}
        assert {page: count for page, count in held.items() if count} == dict(holders), kind
        assert {page for page, count in held.items() if not count} == set(free), kind


def _pages(nodes: Sequence[Node], kind: LayerType) -> Iterator[int]:
    for node in nodes:
        page = node.full if kind is LayerType.FULL else node.sliding
        if page is not None:
            yield page


def assert_all_free(engine: Engine) -> None:
    """Nobody holds a page once the prefixes are forgotten."""
    engine.prefixes.clear()
    for kind in LayerType:
        pool = engine.cache.pool(kind)
        assert sorted(pool._free) == list(range(pool.num_pages)), kind


def run_to_end(engine: Engine, sequences: Sequence[EngineSequence], *, max_steps: int) -> None:
    """Step until all have ended; fails where they do not."""
    for _ in range(max_steps):
        if all(sequence.finish_reason is not None for sequence in sequences):
            return
        engine.step()
    raise AssertionError("the engine goes round without an end")


def new_ids(sequence: EngineSequence) -> list[int]:
    """The tokens after the prompt."""
    return sequence.token_ids[sequence.num_prompt :]
