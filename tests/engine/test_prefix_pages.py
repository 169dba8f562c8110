"""Prefixes that sequences share, down to what their pages hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gptoss.engine import EngineOptions, Request, SamplingParams
from gptoss.engine.prefix_cache import ANCHOR_DISTANCE, PrefixCache
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import KVCache
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.precision import CacheType
from tests.engine.paged_model import (
    alone,
    assert_all_free,
    assert_sound,
    config,
    new_ids,
    paged_engine,
    run_to_end,
)

GREEDY = SamplingParams(temperature=0)
WINDOW = 40
CONTEXT = 512


class WriteLast:
    """A guide that writes the last id of the vocabulary after every other token of an answer."""

    def __init__(self, num_prompt: int) -> None:
        self._num_prompt = num_prompt

    def forced(self, token_ids: Sequence[int]) -> list[int]:
        return [63] if len(token_ids) > self._num_prompt and token_ids[-1] != 63 else []


def prompt(length: int, seed: int = 0) -> list[int]:
    made: list[int] = np.random.default_rng(seed).integers(0, 60, length).tolist()
    return made


def test_a_page_that_two_sequences_went_on_in_is_that_of_neither_in_the_tree() -> None:
    """The end of a prompt lost its sliding page, has another sequence's since, and the first one ends."""
    engine, _ = paged_engine(
        EngineOptions(cache_tokens=4 * CONTEXT, speculates=False), window=WINDOW, context=CONTEXT
    )
    first_request = Request(prompt(40), GREEDY, max_tokens=120)
    first = engine.add(first_request)
    while first.num_new < 112:
        engine.step()
    engine.prefixes.evict(LayerType.SLIDING, 100)
    second = engine.add(Request(prompt(40), GREEDY, max_tokens=100, guides=(WriteLast(40),)))
    while first.finish_reason is None:
        engine.step()
    assert second.cache is not None
    assert second.cache.length < 2 * PAGE_SIZE
    assert_sound(engine, [first, second])
    third_request = Request([*first.token_ids[: 2 * PAGE_SIZE], 9], GREEDY, max_tokens=5)
    third = engine.add(third_request)
    run_to_end(engine, [first, second, third], max_steps=500)
    assert new_ids(first) == alone(first_request, CONTEXT)
    assert new_ids(third) == alone(third_request, CONTEXT)
    assert_sound(engine, [first, second, third])
    assert_all_free(engine)


@pytest.mark.parametrize("chunk", [PAGE_SIZE, 100, 170, 512])
def test_windows_before_anchors_are_kept_whatever_chunks_a_prompt_came_in(chunk: int) -> None:
    cache = KVCache(
        config(window=WINDOW, context=4096), CacheType.BF16, max_tokens=4096, spare_tokens=4096
    )
    prefixes = PrefixCache(cache)
    tokens = prompt(2 * ANCHOR_DISTANCE + 70)
    sequence, path = cache.sequence(), prefixes.path()
    while sequence.length < len(tokens):
        count = min(chunk, len(tokens) - sequence.length)
        sequence.reserve(count)
        sequence.advance(count)
        prefixes.extend(path, tokens, sequence, is_anchor=sequence.length == len(tokens))
    sequence.release()
    # The window before a token may begin in the page before its own page's predecessor.
    kept = 3 * 3
    prefixes.evict(LayerType.SLIDING, prefixes.num_evictable(LayerType.SLIDING) - kept)
    for length in (ANCHOR_DISTANCE, 2 * ANCHOR_DISTANCE, len(tokens)):
        assert prefixes.match([*tokens[:length], 61, 62]).num_tokens == length
