"""The eight-bit cache against its NumPy twin, with every choice of kernels that this machine runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference
from gptoss.kernels.reference_cache import load_rows
from tests.choices import Choice
from tests.kernels.arrays import EPSILON, Array, assert_within, floats


def empty_pages(count: int, kv_heads: int, page_size: int, head_dim: int) -> Array:
    """Pages that hold anything: bytes of -1, scales that are not numbers."""
    row = head_dim + kernels.INT8_CACHE_SCALE_BYTES
    return np.full((count, 2, kv_heads, page_size * row), 255, np.uint8)


def store(each: Any, rows: Array, pages: Array, slots: Array) -> None:
    """Keys and values, behind one query, as they are: not rotated."""
    half = rows.shape[2] // 2
    cos, sin = (np.full((len(rows), half), value, np.float32) for value in (1, 0))
    # The twin turns infinity into what is not a number.
    with np.errstate(invalid="ignore"):
        each.rope_store(rows.copy(), cos, sin, pages, slots)


def filled(
    random: np.random.Generator,
    each: Any,
    *,
    length: int,
    kv_heads: int,
    page_size: int,
    head_dim: int,
) -> tuple[Array, Array]:
    """Two sequences in shuffled pages, unused slots left as they are, and their page table."""
    each_has = -(-length // page_size)
    pages = empty_pages(2 * each_has + 1, kv_heads, page_size, head_dim)
    table = random.permutation(len(pages))[: 2 * each_has].reshape(2, each_has).astype(np.int32)
    positions = np.arange(length)
    for row in table:
        slots = row[positions // page_size].astype(np.int64) * page_size + positions % page_size
        # Scales differ from one position to the next.
        rows = floats(random, length, 1 + 2 * kv_heads, head_dim)
        rows *= np.exp2(random.integers(-3, 3, (length, 1, 1))).astype(np.float32)
        store(each, rows, pages, slots)
    return pages, table


@pytest.mark.parametrize("page_size", [16, 32, 64])
@pytest.mark.parametrize("head_dim", [16, 48, 64, 128])
def test_storing_is_exact(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    page_size: int,
    head_dim: int,
) -> None:
    rows = floats(random, 40, 7, head_dim)
    # Ties, of which half go to even; zeros; what is below the smallest, and just not; the largest there is.
    rows[0, 1:, :] = np.arange(head_dim) % 16 - 7.5
    rows[0, 1:, 0] = 127
    rows[1, 2:5] = 0
    rows[2] *= np.float32(1e-31)
    rows[3, 1:] = np.float32(1e-30)
    rows[4] = np.finfo(np.float32).max
    for token, value in ((5, np.nan), (6, np.inf), (7, -np.inf)):
        rows[token, 1 + token % 6, 3] = value
    slots = random.permutation(2 * 64)[:40].astype(np.int64)
    stored = []
    for each in (backend, twin):
        pages = empty_pages(2 * 64 // page_size, 3, page_size, head_dim)
        store(each, rows, pages, slots)
        stored.append(pages)
    assert np.array_equal(stored[0], stored[1])
    # Half a step, and the rounding of the step and of the product by its inverse; a row that is not finite shows it.
    keys, values = load_rows(
        stored[0], (slots // page_size).astype(np.int32), slots % page_size, head_dim
    )
    new = rows[:, 1:].reshape(40, 2, 3, head_dim).astype(np.float64)
    largest = np.abs(new).max(axis=-1, keepdims=True)
    is_finite = np.isfinite(largest) & np.ones_like(new, bool)
    wanted, got = new, np.stack([keys, values], axis=1)
    bound = largest * (0.5 / 127 + 4 * EPSILON) + 1e-30
    assert_within(got[is_finite], wanted[is_finite], np.broadcast_to(bound, new.shape)[is_finite])
    assert np.isnan(got[~is_finite]).all()


def test_stored_keys_are_rotated(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator
) -> None:
    x, angle = floats(random, 6, 5, 32), random.uniform(0, 7, (6, 16))
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    slots = np.array([3, 17, 4, 16, 31, 0], np.int64)
    qkv, pages = x.copy(), empty_pages(2, 1, 16, 32)
    backend.rope_store(qkv, cos, sin, pages, slots)
    wanted = empty_pages(2, 1, 16, 32)
    store(twin, qkv[:, 2:], wanted, slots)
    assert np.array_equal(pages, wanted)
    twin.rope_store(x, cos, sin, wanted, slots)
    assert_within(qkv, x, 8 * EPSILON * np.abs(x).max())


def attend(
    each: Any, query: Array, cache: tuple[Array, Array], *where: Array, **options: Any
) -> Array:
    """`attention` for positions, their sequences and sinks, `where`."""
    positions, sequences, sinks = where
    out = np.full((len(query), len(sinks), query.shape[2]), np.nan, np.float32)
    each.attention(query, *cache, sequences, positions, sinks, out, **options)
    return out


def bound_of(
    query: Array,
    cache: tuple[Array, Array],
    positions: Array,
    sinks: Array,
    *,
    window: int,
    scale: float,
) -> Array:
    """How far `attention` may be from the exact result over the same cache, (tokens, heads and more, 1)."""
    pages, table = cache
    head_dim = query.shape[2]
    size = pages.shape[3] // (head_dim + kernels.INT8_CACHE_SCALE_BYTES)
    keys, values = load_rows(
        pages, np.repeat(table.reshape(-1), size), np.tile(np.arange(size), table.size), head_dim
    )
    written = np.isfinite(keys).all(axis=(1, 2))
    # A query is off by half a step, 2^-16 of its largest magnitude, in each product; a score is rounded ten times, a
    # sink three times. These change weights, and what they are divided by, by a factor.
    key_sum = np.abs(keys[written]).sum(axis=-1).max()
    score = np.abs(query).max(axis=-1, keepdims=True) * key_sum * scale
    error = score * (1 / 65534 + 10 * EPSILON) + 3 * EPSILON * np.abs(sinks).max()
    factor = np.expm1(2 * error)
    # Weights times scales are off by half a step, 2^-16 of the largest of their tile. They are divided by a sum that
    # has the largest weights of all tiles in it. exp, sums and the rest are float32.
    seen = np.minimum(positions + 1, window or positions + 1)[:, None, None]
    rest = np.minimum(seen, 128) / 65534 + (seen + 16) * EPSILON
    return (factor + rest) * np.abs(values[written]).max()


POSITIONS = np.array([0, 1, 15, 16, 40, 74, 74, 33], np.int64)
SEQUENCES = np.array([0, 1, 0, 1, 1, 0, 1, 0], np.int32)


@pytest.mark.wide(7)
@pytest.mark.parametrize("page_size", [16, 32, 64])
@pytest.mark.parametrize("window", [0, 1, 16, 23])
@pytest.mark.parametrize(
    ("heads", "kv_heads", "head_dim"),
    [(2, 2, 16), (8, 2, 32), (3, 1, 48), (8, 1, 64), (24, 2, 128)],
)
def test_attention(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    page_size: int,
    window: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
) -> None:
    cache = filled(
        random, twin, length=75, kv_heads=kv_heads, page_size=page_size, head_dim=head_dim
    )
    query = floats(random, len(POSITIONS), heads + 2 * kv_heads, head_dim)
    # One sink larger than any score, one that hardly matters.
    sinks = np.linspace(-20, 40, heads).astype(np.float32)
    options = {"window": window, "scale": head_dim**-0.5}
    got, wanted = (
        attend(each, query, cache, POSITIONS, SEQUENCES, sinks, **options)
        for each in (backend, twin)
    )
    assert_within(got, wanted, bound_of(query, cache, POSITIONS, sinks, **options)[:, :heads])


@pytest.mark.parametrize("window", [0, 40, 128, 200])
@pytest.mark.parametrize("page_size", [16, 32, 64])
def test_attention_over_many_tiles(
    choice: Choice,
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    window: int,
    page_size: int,
) -> None:
    """Positions at and around multiples of 128, where one tile of scores ends and the next begins."""
    cache = filled(random, twin, length=512, kv_heads=2, page_size=page_size, head_dim=32)
    positions = np.array([0, 126, 127, 128, 129, 255, 256, 300, 511], np.int64)
    sequences = np.arange(len(positions), dtype=np.int32) % 2
    query, sinks = floats(random, len(positions), 12, 32, scale=2.0), floats(random, 8)
    options = {"window": window, "scale": 0.2}
    got, wanted = (
        attend(each, query, cache, positions, sequences, sinks, **options)
        for each in (backend, twin)
    )
    assert_within(got, wanted, bound_of(query, cache, positions, sinks, **options)[:, :8])
    # A query is the same bit for bit without the others, and on any number of threads.
    single = choice.backend()
    for row in range(len(positions)):
        one = slice(row, row + 1)
        alone = attend(single, query[one], cache, positions[one], sequences[one], sinks, **options)
        assert np.array_equal(alone[0], got[row])


@pytest.mark.parametrize("window", [0, 5])
def test_unused_slots_do_not_count(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator, window: int
) -> None:
    """Whatever bytes they hold: scales of 0, of 3e38, of what is not a number."""
    cache = filled(random, twin, length=75, kv_heads=2, page_size=32, head_dim=32)
    query, sinks = floats(random, len(POSITIONS), 12, 32), floats(random, 8)
    results = []
    for fill in (0, 127, 255):
        pages = np.full_like(cache[0], fill)
        # Only what the last query of the first sequence sees.
        start = 0 if window == 0 else 75 - window
        slots = np.arange(start, 75)
        place = cache[1][0, slots // 32], slots % 32
        keys, values = load_rows(cache[0], *place, 32)
        rows = np.concatenate([keys[:, :1], keys, values], axis=1).astype(np.float32)
        store(twin, rows, pages, place[0].astype(np.int64) * 32 + place[1])
        results.append(
            attend(
                backend,
                query[5:6],
                (pages, cache[1]),
                POSITIONS[5:6],
                SEQUENCES[5:6],
                sinks,
                window=window,
                scale=0.2,
            )
        )
        assert np.isfinite(results[-1]).all()
        assert np.array_equal(results[-1], results[0])


@pytest.mark.parametrize("part", [1, 2])
def test_what_is_not_finite_shows(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator, part: int
) -> None:
    """A key or a value that is not finite, to all who see it."""
    cache = filled(random, twin, length=75, kv_heads=1, page_size=16, head_dim=16)
    rows = floats(random, 1, 3, 16)
    rows[0, part, 5] = np.inf
    store(backend, rows, cache[0], np.array([cache[1][0, 1] * 16 + 4], np.int64))
    query, sinks = floats(random, len(POSITIONS), 4, 16), floats(random, 2)
    out = attend(backend, query, cache, POSITIONS, SEQUENCES, sinks, window=23, scale=0.25)
    sees = (SEQUENCES == 0) & (POSITIONS >= 20) & (POSITIONS < 20 + 23)
    assert np.isnan(out[sees]).all()
    assert np.isfinite(out[~sees]).all()
    # So does a query.
    query[1, 0, 2] = np.nan
    out = attend(backend, query, cache, POSITIONS, SEQUENCES, sinks, window=23, scale=0.25)
    assert np.isnan(out[1, 0]).all()
    assert np.isfinite(out[1, 1]).all()


def test_pages_of_another_shape_are_refused(backend: kernels.Backend) -> None:
    qkv, slots = np.zeros((1, 3, 32), np.float32), np.zeros(1, np.int64)
    cos = np.zeros((1, 16), np.float32)
    for size in (16 * 32, 16 * 36 + 1, 8 * 36, 96 * 36):
        pages = np.zeros((1, 2, 1, size), np.uint8)
        with pytest.raises(ValueError, match="page"):
            backend.rope_store(qkv, cos, cos, pages, slots)
        with pytest.raises(ValueError, match="page"):
            attend(
                backend,
                qkv,
                (pages, np.zeros((1, 1), np.int32)),
                slots,
                np.zeros(1, np.int32),
                np.zeros(1, np.float32),
                window=0,
                scale=1.0,
            )
