"""Rotation, cache and attention against their NumPy twins, with every choice of kernels that this machine runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference
from tests.choices import Choice
from tests.kernels.arrays import (
    DTYPES,
    EPSILON,
    Array,
    assert_within,
    bits,
    floats,
    widened,
)


@pytest.mark.parametrize("head_dim", [16, 32, 64])
def test_rope(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator, head_dim: int
) -> None:
    x = floats(random, 6, 5, head_dim)
    angle = random.uniform(0, 7, (6, head_dim // 2))
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    slots = np.array([3, 17, 4, 16, 31, 0], np.int64)
    results = []
    for each in (backend, twin):
        qkv, pages = x.copy(), np.zeros((2, 2, 1, 16 * head_dim), np.float32)
        each.rope_store(qkv, cos, sin, pages, slots)
        # What is stored is what the rows hold; values are not rotated.
        keys = pages[:, 0, 0].reshape(2, head_dim, 16).transpose(0, 2, 1).reshape(32, head_dim)
        assert np.array_equal(keys[slots], qkv[:, 3])
        values = pages[:, 1, 0].reshape(32, head_dim)
        assert np.array_equal(values[slots], x[:, 4])
        results.append(qkv)
    half = np.abs(x[..., : head_dim // 2]) + np.abs(x[..., head_dim // 2 :])
    assert_within(results[0], results[1], 3 * EPSILON * np.concatenate([half, half], axis=-1))


def cached(
    random: np.random.Generator,
    each: Any,
    dtype: str,
    heads: int,
    head_dim: int,
    page_size: int = 16,
) -> tuple[Array, Array]:
    """Two sequences of 75 positions in shuffled pages, unused slots filled with NaN, and their page table."""
    length = 75
    pages = np.full((12, 2, heads, page_size * head_dim), np.nan, np.float32)
    pages = pages if dtype == "float32" else bits(pages)
    each_has = -(-length // page_size)
    table = random.permutation(12)[: 2 * each_has].reshape(2, each_has).astype(np.int32)
    # Not rotated.
    cos, sin = (np.full((length, head_dim // 2), value, np.float32) for value in (1, 0))
    for row in table:
        positions = np.arange(length)
        slots = row[positions // page_size].astype(np.int64) * page_size + positions % page_size
        each.rope_store(floats(random, length, 3 * heads, head_dim), cos, sin, pages, slots)
    return pages, table


@pytest.mark.parametrize("dtype", DTYPES)
def test_storing_is_exact(backend: kernels.Backend, twin: reference.Backend, dtype: str) -> None:
    got, _ = cached(np.random.default_rng(1), backend, dtype, 2, 32)
    wanted, _ = cached(np.random.default_rng(1), twin, dtype, 2, 32)
    assert np.array_equal(widened(got), widened(wanted), equal_nan=True)


# A rounded weight is off by half a unit of eight bits, and so is the sum that it is divided by.
WEIGHT_STEP = 2 * 2.0**-9


@pytest.mark.wide(7)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("page_size", [16, 32])
@pytest.mark.parametrize("window", [0, 1, 16, 23])
@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), [(2, 2, 16), (8, 2, 32), (8, 1, 64)])
def test_attention(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    dtype: str,
    page_size: int,
    window: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
) -> None:
    pages, table = cached(random, twin, dtype, kv_heads, head_dim, page_size)
    positions = np.array([0, 1, 15, 16, 40, 74, 74, 33], np.int64)
    sequences = np.array([0, 1, 0, 1, 1, 0, 1, 0], np.int32)
    # Keys and values stand behind the queries.
    query = floats(random, len(positions), heads + 2 * kv_heads, head_dim, scale=2.0)
    is_rounded = backend.attention_dtype(pages, head_dim) == np.uint16
    # Nothing is lost when these queries are rounded.
    query = widened(bits(query)) if is_rounded else query
    # One sink larger than any score, one that hardly matters.
    sinks = np.linspace(-20, 40, heads).astype(np.float32)
    results = []
    for each in (backend, twin):
        out = np.full((len(positions), heads, head_dim), np.nan, np.float32)
        each.attention(
            query,
            pages,
            table,
            sequences,
            positions,
            sinks,
            out,
            window=window,
            scale=head_dim**-0.5,
        )
        results.append(out)
    # Scores reach about 40: their rounding enters the weights through exp, and the weighted sum of values adds its own.
    largest_value = np.nanmax(np.abs(widened(pages)[:, 1]))
    bound = (40 * (head_dim + 2) + 75) * EPSILON + is_rounded * WEIGHT_STEP
    assert_within(results[0], results[1], bound * largest_value)


@pytest.mark.wide(5)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [0, 40, 128, 200])
@pytest.mark.parametrize("page_size", [16, 32, 64])
def test_attention_over_many_tiles(
    choice: Choice,
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    dtype: str,
    window: int,
    page_size: int,
) -> None:
    """Positions at and around multiples of 128, where one tile of scores ends and the next begins."""
    length, head_dim = 512, 32
    num_pages = length // page_size
    pages = floats(random, num_pages, 2, 2, page_size * head_dim)
    pages = pages if dtype == "float32" else bits(pages)
    table = random.permutation(num_pages).astype(np.int32)[None]
    positions = np.array([0, 126, 127, 128, 129, 255, 256, 300, 511], np.int64)
    query = floats(random, len(positions), 12, head_dim, scale=2.0)
    is_rounded = backend.attention_dtype(pages, head_dim) == np.uint16
    query = widened(bits(query)) if is_rounded else query
    sequences, sinks = np.zeros(len(positions), np.int32), floats(random, 8)
    results = []
    for each in (backend, twin):
        out = np.full((len(positions), 8, head_dim), np.nan, np.float32)
        each.attention(
            query, pages, table, sequences, positions, sinks, out, window=window, scale=0.2
        )
        results.append(out)
    largest_value = np.abs(widened(pages)[:, 1]).max()
    bound = (40 * (head_dim + 2) + length) * EPSILON + is_rounded * WEIGHT_STEP
    assert_within(results[0], results[1], bound * largest_value)
    # A query is the same bit for bit without the others, and on any number of threads.
    single = choice.backend()
    alone = np.empty((1, 8, head_dim), np.float32)
    for row in range(len(positions)):
        one = slice(row, row + 1)
        single.attention(
            query[one],
            pages,
            table,
            sequences[one],
            positions[one],
            sinks,
            alone,
            window=window,
            scale=0.2,
        )
        assert np.array_equal(alone[0], results[0][row])
