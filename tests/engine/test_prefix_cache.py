"""What is found again, what is given up, and who holds which page."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from gptoss.engine.prefix_cache import ANCHOR_DISTANCE, Path, PrefixCache
from gptoss.model.config import LayerType, alternating_layers
from gptoss.model.kv_cache import KVCache, SequenceCache
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.precision import CacheType
from tests.model.random_model import SMALL

WINDOW = 40
CONFIG = dataclasses.replace(
    SMALL, layer_types=alternating_layers(2), sliding_window=WINDOW, max_positions=4096
)


def new_cache(max_tokens: int = 4096, spare_tokens: int = 4096) -> KVCache:
    return KVCache(
        CONFIG, CacheType.BF16, max_tokens=max_tokens, max_sequences=4, spare_tokens=spare_tokens
    )


def ids(count: int, seed: int = 0) -> list[int]:
    made: list[int] = np.random.default_rng(seed).integers(0, 90, count).tolist()
    return made


def store(
    prefixes: PrefixCache, cache: KVCache, tokens: list[int], *, chunk: int = 512
) -> tuple[SequenceCache, Path]:
    """A sequence that has computed all of these tokens, all remembered."""
    sequence, path = cache.sequence(), prefixes.path()
    prefixes.adopt(prefixes.match([*tokens, 0]), sequence)
    while sequence.length < len(tokens):
        count = min(chunk, len(tokens) - sequence.length)
        sequence.reserve(count)
        sequence.advance(count)
        prefixes.extend(path, tokens, sequence, is_anchor=sequence.length == len(tokens))
    return sequence, path


def found(prefixes: PrefixCache, tokens: list[int]) -> int:
    return prefixes.match(tokens).num_tokens


def assert_sound(prefixes: PrefixCache, cache: KVCache, *sequences: SequenceCache) -> None:
    """Every page is held by just those that have it."""
    for kind in LayerType:
        holders = Counter(
            page for node in prefixes._nodes() for page in [_page(node, kind)] if page is not None
        )
        for sequence in sequences:
            table = sequence.page_table(kind)
            holders.update(table[table >= 0].tolist())
        pool = cache.pool(kind)
        assert [pool.num_holders(page) for page in range(pool.num_pages)] == [
            holders[page] for page in range(pool.num_pages)
        ]
        assert pool.num_free == pool.num_pages - len(holders)


def _page(node: object, kind: LayerType) -> int | None:
    page: int | None = getattr(node, "full" if kind is LayerType.FULL else "sliding")
    return page


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100, 1000])
def test_the_same_prompt_is_found_but_for_its_last_token(length: int) -> None:
    cache = new_cache()
    prefixes = PrefixCache(cache)
    tokens = ids(length)
    sequence, _ = store(prefixes, cache, tokens)
    sequence.release()
    assert found(prefixes, tokens) == length - 1
    assert found(prefixes, [*tokens, 5]) == length
    assert found(prefixes, [*tokens, 5, 6]) == length
    assert_sound(prefixes, cache)


@pytest.mark.parametrize("common", [1, 31, 32, 40, 95, 130, 500])
def test_prompts_that_begin_alike_share_to_the_token(common: int) -> None:
    cache = new_cache()
    prefixes = PrefixCache(cache)
    sequence, _ = store(prefixes, cache, ids(600))
    sequence.release()
    other = [*ids(600)[:common], 91, *ids(50, 1)]
    assert found(prefixes, other) == common


def test_a_conversation_goes_on_from_the_end_of_a_prompt() -> None:
    """The answer to it stays unread, as when its chain of thought is dropped."""
    cache = new_cache(spare_tokens=5 * PAGE_SIZE)
    prefixes = PrefixCache(cache)
    prompt = ids(700)
    sequence, path = store(prefixes, cache, prompt)
    answer = [*prompt, *ids(300, 2)]
    while sequence.length < len(answer):
        sequence.reserve(1)
        sequence.advance(1)
    prefixes.extend(path, answer, sequence, is_anchor=True)
    sequence.release()
    assert found(prefixes, [*prompt, 3, 4, 5]) == len(prompt)
    assert found(prefixes, [*answer, 3, 4, 5]) == len(answer)
    # Between them there is no window to go on from, but for what the end of the prompt left.
    assert found(prefixes, [*answer[:850], 91, 92]) <= 736


def test_windows_inside_a_long_prompt_outlive_what_is_between_them() -> None:
    cache = new_cache()
    prefixes = PrefixCache(cache)
    tokens = ids(3 * ANCHOR_DISTANCE)
    sequence, _ = store(prefixes, cache, tokens)
    sequence.release()
    prefixes.evict(LayerType.SLIDING, 3 * ANCHOR_DISTANCE // PAGE_SIZE - 9)
    assert found(prefixes, [*tokens[:2500], 91]) == 2 * ANCHOR_DISTANCE
    assert found(prefixes, [*tokens, 1]) == 3 * ANCHOR_DISTANCE
    assert_sound(prefixes, cache)


def test_a_hash_that_always_collides_mixes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptoss.engine.prefix_cache.hash_tokens", lambda _: 7)
    cache = new_cache()
    prefixes = PrefixCache(cache)
    for seed in range(3):
        store(prefixes, cache, ids(200, seed))[0].release()
    # The same tokens at another place are another page.
    twice = ids(32, 9) * 4
    store(prefixes, cache, twice)[0].release()
    for seed in range(3):
        assert found(prefixes, ids(200, seed)) == 199
    assert found(prefixes, [*ids(32, 0), *ids(32, 1), 5]) == 32
    assert found(prefixes, [*ids(32, 9) * 5, 5]) == 128
    assert_sound(prefixes, cache)


def test_oldest_go_first_and_pages_in_use_stay() -> None:
    cache = new_cache()
    prefixes = PrefixCache(cache)
    for seed in range(3):
        store(prefixes, cache, ids(96, seed))[0].release()
    running, _ = store(prefixes, cache, ids(96, 3))
    found_again = cache.sequence()
    prefixes.adopt(prefixes.match([*ids(96, 0), 5]), found_again)
    found_again.release()
    assert prefixes.num_evictable(LayerType.FULL) == 9
    assert prefixes.evict(LayerType.FULL, 3) == 3
    kept = [found(prefixes, [*ids(96, seed), 5]) for seed in range(4)]
    assert kept == [96, 0, 96, 96]
    assert prefixes.evict(LayerType.FULL, 100) == 6
    assert [found(prefixes, [*ids(96, seed), 5]) for seed in range(4)] == [0, 0, 0, 96]
    assert_sound(prefixes, cache, running)
    prefixes.clear()
    running.release()
    assert_sound(prefixes, cache)


def test_a_copied_page_is_left_out_where_there_is_no_room() -> None:
    cache = new_cache(max_tokens=128, spare_tokens=0)
    prefixes = PrefixCache(cache)
    tokens = ids(100)
    running, _ = store(prefixes, cache, tokens)
    pool = cache.pool(LayerType.FULL)
    taken = [pool.take() for _ in range(pool.num_free)]
    other = cache.sequence()
    assert prefixes.adopt(prefixes.match([*tokens, 5]), other) == 96
    assert_sound_with(prefixes, cache, taken, running, other)


def assert_sound_with(
    prefixes: PrefixCache, cache: KVCache, taken: list[int], *sequences: SequenceCache
) -> None:
    for page in taken:
        cache.pool(LayerType.FULL).give_back(page)
    assert_sound(prefixes, cache, *sequences)


def test_a_path_whose_page_was_given_up_begins_anew() -> None:
    cache = new_cache()
    prefixes = PrefixCache(cache)
    tokens = ids(300)
    first = store(prefixes, cache, tokens[:64])[0]
    # Computes the first pages itself beside another: the tree keeps the other's.
    sequence, path = cache.sequence(), prefixes.path()
    sequence.reserve(64)
    sequence.advance(64)
    prefixes.extend(path, tokens, sequence, is_anchor=False)
    first.release()
    assert prefixes.evict(LayerType.FULL, 10) == 2
    sequence.reserve(236)
    sequence.advance(236)
    prefixes.extend(path, tokens, sequence, is_anchor=True)
    assert prefixes.num_tokens == 300
    assert_sound(prefixes, cache, sequence)
