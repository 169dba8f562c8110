"""Rotation, cache and attention against their NumPy twins, on every instruction set that this machine runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference
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
    x = floats(random, 6, 3, head_dim)
    angle = random.uniform(0, 7, (6, head_dim // 2))
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    got, wanted = x.copy(), x.copy()
    backend.rope(got, cos, sin)
    twin.rope(wanted, cos, sin)
    half = np.abs(x[..., : head_dim // 2]) + np.abs(x[..., head_dim // 2 :])
    assert_within(got, wanted, 3 * EPSILON * np.concatenate([half, half], axis=-1))


def cached(
    random: np.random.Generator, store: Callable[..., None], dtype: str, heads: int, head_dim: int
) -> tuple[Array, Array]:
    """Two sequences of 75 positions in shuffled pages of 16, unused slots filled with NaN, and their page table."""
    page_size, length = 16, 75
    pages = np.full((12, 2, heads, page_size, head_dim), np.nan, np.float32)
    pages = pages if dtype == "float32" else bits(pages)
    table = random.permutation(12)[:10].reshape(2, 5).astype(np.int32)
    for row in table:
        positions = np.arange(length)
        slots = row[positions // page_size].astype(np.int64) * page_size + positions % page_size
        store(
            floats(random, length, heads, head_dim),
            floats(random, length, heads, head_dim),
            pages,
            slots,
        )
    return pages, table


@pytest.mark.parametrize("dtype", DTYPES)
def test_store_kv_is_exact(backend: kernels.Backend, twin: reference.Backend, dtype: str) -> None:
    got, _ = cached(np.random.default_rng(1), backend.store_kv, dtype, 2, 32)
    wanted, _ = cached(np.random.default_rng(1), twin.store_kv, dtype, 2, 32)
    assert np.array_equal(widened(got), widened(wanted), equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [0, 1, 16, 23])
@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), [(2, 2, 16), (8, 2, 32), (8, 1, 64)])
def test_attention(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    dtype: str,
    window: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
) -> None:
    pages, table = cached(random, twin.store_kv, dtype, kv_heads, head_dim)
    positions = np.array([0, 1, 15, 16, 40, 74, 74, 33], np.int64)
    sequences = np.array([0, 1, 0, 1, 1, 0, 1, 0], np.int32)
    query = floats(random, len(positions), heads, head_dim, scale=2.0)
    # One sink larger than any score, one that hardly matters.
    sinks = np.linspace(-20, 40, heads).astype(np.float32)
    results = []
    for each in (backend, twin):
        out = np.full(query.shape, np.nan, np.float32)
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
    assert_within(results[0], results[1], (40 * (head_dim + 2) + 75) * EPSILON * largest_value)
