"""Matrix products, norms and experts against their NumPy twins, with every choice of kernels that this machine runs."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference
from tests.choices import THREADS, Choice
from tests.kernels.arrays import (
    DTYPES,
    EPSILON,
    TINY,
    Array,
    activations,
    assert_within,
    bits,
    floats,
    sum_bound,
    widened,
)

# Conversion and norm


def test_to_bf16_is_exact(backend: kernels.Backend, twin: reference.Backend) -> None:
    # Every upper half with lower halves around the rounding boundary, odd length to leave a remainder.
    upper = np.arange(65536, dtype=np.uint32)
    patterns = [(upper << 16) | low for low in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF)]
    x = np.concatenate(patterns).view(np.float32)[None, :-3]
    got, wanted = (np.empty(x.shape, np.uint16) for _ in range(2))
    backend.to_bf16(np.ascontiguousarray(x), got)
    twin.to_bf16(np.ascontiguousarray(x), wanted)
    is_nan = np.isnan(x)
    assert np.array_equal(got[~is_nan], wanted[~is_nan])
    assert np.isnan(widened(got)[is_nan]).all()
    for rounds in (backend, twin):
        values = np.empty(x.shape, np.float32)
        rounds.to_bf16(np.ascontiguousarray(x), values)
        np.testing.assert_array_equal(values[~is_nan], widened(wanted)[~is_nan])
        assert np.isnan(values[is_nan]).all()


@pytest.mark.parametrize("width", [32, 160, 2880])
def test_rms_norm(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator, width: int
) -> None:
    x, weight = floats(random, 5, width, scale=3.0), floats(random, width)
    got, wanted = np.empty_like(x), np.empty_like(x)
    backend.rms_norm(x, weight, got, eps=1e-5)
    twin.rms_norm(x, weight, wanted, eps=1e-5)
    assert_within(got, wanted, (width / 2 + 8) * EPSILON * np.abs(wanted) + TINY)


# Matrix products


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("tokens", "inputs", "outputs"), [(1, 32, 1), (3, 64, 7), (9, 2880, 37), (70, 96, 131)]
)
def test_matmul(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    dtype: str,
    tokens: int,
    inputs: int,
    outputs: int,
) -> None:
    x = activations(random, dtype, tokens, inputs)
    weight = bits(floats(random, outputs, inputs))
    bias = floats(random, outputs)
    for term in (bias, None):
        got, wanted = (np.empty((tokens, outputs), np.float32) for _ in range(2))
        backend.matmul(x, weight, term, got)
        twin.matmul(x, weight, term, wanted)
        twice = got.copy()
        backend.matmul(x, weight, term, twice, add=True)
        assert np.array_equal(twice, got + got)
        magnitude = np.abs(widened(x)) @ np.abs(widened(weight)).T + np.abs(bias)
        assert_within(got, wanted, sum_bound(inputs, magnitude))


def expert_case(
    random: np.random.Generator, dtype: str, counts: tuple[int, ...], inputs: int
) -> tuple[Array, Array, Array]:
    x = activations(random, dtype, 11, inputs)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    rows = random.integers(0, len(x), offsets[-1]).astype(np.int32)
    return x, rows, offsets


COUNTS = [(1, 0, 0), (0, 5, 2), (9, 1, 17), (0, 0, 4)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("counts", COUNTS)
def test_expert_matmul(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    dtype: str,
    counts: tuple[int, ...],
) -> None:
    inputs, outputs = 96, 160
    x, rows, offsets = expert_case(random, dtype, counts, inputs)
    weight = bits(floats(random, 3, inputs, outputs))
    bias = floats(random, 3, outputs)
    got, wanted = (np.empty((len(rows), outputs), np.float32) for _ in range(2))
    backend.expert_matmul(x, rows, offsets, weight, bias, got)
    twin.expert_matmul(x, rows, offsets, weight, bias, wanted)
    magnitude = np.abs(widened(x)).sum(1)[rows][:, None] * np.abs(widened(weight)).max() + 5.0
    assert_within(got, wanted, sum_bound(inputs, magnitude))


# Experts: activation, routing, sum


def test_swiglu(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator
) -> None:
    gate_up = floats(random, 7, 128, scale=6.0)
    gate_up[0, :8] = [100.0, 100.0, -100.0, -100.0, 0.0, -1.0, 7.0, 7.0]
    got, wanted = (np.empty((7, 64), np.float32) for _ in range(2))
    backend.swiglu(gate_up, got, alpha=1.702, limit=7.0)
    twin.swiglu(gate_up, wanted, alpha=1.702, limit=7.0)
    # exp(y) carries the rounding of y = 1.702 * gate, so the error grows with |y|.
    gate = np.minimum(gate_up[:, ::2], 7.0)
    assert_within(got, wanted, (8 + 2 * np.abs(1.702 * gate)) * EPSILON * np.abs(wanted) + 1e-36)


@pytest.mark.parametrize(("experts", "k"), [(2, 1), (4, 4), (8, 2), (32, 4), (128, 4)])
def test_route(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    experts: int,
    k: int,
) -> None:
    logits = floats(random, 50, experts, scale=4.0)
    logits[0] = 1.0
    logits[1, ::2] = logits[1, 0]
    ids, twin_ids = (np.empty((50, k), np.int32) for _ in range(2))
    weights, twin_weights = (np.empty((50, k), np.float32) for _ in range(2))
    backend.route(logits, ids, weights)
    twin.route(logits, twin_ids, twin_weights)
    assert np.array_equal(ids, twin_ids)
    spread = logits.max() - logits.min()
    assert_within(weights, twin_weights, (8 + spread) * EPSILON * twin_weights)


def test_route_keeps_ids_in_range_for_nan(backend: kernels.Backend) -> None:
    ids, weights = np.empty((3, 4), np.int32), np.empty((3, 4), np.float32)
    backend.route(np.full((3, 32), np.nan, np.float32), ids, weights)
    assert (ids >= 0).all()
    assert (ids < 32).all()


def test_combine(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator
) -> None:
    expert_out, weights = floats(random, 20, 96), np.abs(floats(random, 5, 4))
    entries = random.permutation(20).reshape(5, 4).astype(np.int32)
    start = floats(random, 5, 96)
    got, wanted = start.copy(), start.copy()
    backend.combine(expert_out, entries, weights, got)
    twin.combine(expert_out, entries, weights, wanted)
    magnitude = np.abs(start) + np.abs(expert_out[entries] * weights[..., None]).sum(1)
    assert_within(got, wanted, sum_bound(5, magnitude))


def test_assign(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator
) -> None:
    for tokens, experts in ((1, 4), (70, 4), (9, 128)):
        ids = random.integers(0, experts, (tokens, 3)).astype(np.int32)
        got, wanted = (
            (
                np.empty(tokens * 3, np.int32),
                np.empty(experts + 1, np.int32),
                np.empty((tokens, 3), np.int32),
            )
            for _ in range(2)
        )
        backend.assign(ids, *got)
        twin.assign(ids, *wanted)
        for mine, right in zip(got, wanted, strict=True):
            assert np.array_equal(mine, right)
        rows, _, entries = got
        assert np.array_equal(rows[entries], np.repeat(np.arange(tokens), 3).reshape(tokens, 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_rounded_is_what_rounding_gives(
    backend: kernels.Backend, random: np.random.Generator, dtype: type
) -> None:
    x, weight, out = floats(random, 5, 96), floats(random, 96), np.empty((5, 96), np.float32)
    width = 3 * kernels.INT8_BLOCK_BYTES if dtype is np.uint8 else 96
    got, wanted = (np.empty((5, width), dtype) for _ in range(2))
    rounds = backend.to_int8 if dtype is np.uint8 else backend.to_bf16
    backend.rms_norm(x, weight, out, eps=1e-5, rounded=got)
    rounds(out, wanted)
    assert np.array_equal(got, wanted)
    backend.swiglu(floats(random, 5, 192), out, alpha=1.702, limit=7.0, rounded=got)
    rounds(out, wanted)
    assert np.array_equal(got, wanted)
    with pytest.raises(ValueError, match="rounded"):
        backend.rms_norm(x, weight, out, eps=1e-5, rounded=got[:4])


# Same bits, whatever else runs


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_do_not_depend_on_the_batch(
    backend: kernels.Backend, random: np.random.Generator, dtype: str
) -> None:
    x = activations(random, dtype, 23, 160)
    weight = bits(floats(random, 133, 160))
    whole, single = np.empty((23, 133), np.float32), np.empty((1, 133), np.float32)
    backend.matmul(x, weight, None, whole)
    for row in range(23):
        backend.matmul(x[row : row + 1], weight, None, single)
        assert np.array_equal(single[0], whole[row])


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_do_not_depend_on_threads(
    choice: Choice, random: np.random.Generator, dtype: str
) -> None:
    x, weight = activations(random, dtype, 9, 320), bits(floats(random, 1000, 320))
    results = []
    for threads in THREADS:
        out = np.empty((9, 1000), np.float32)
        choice.backend(threads).matmul(x, weight, None, out)
        results.append(out)
    assert all(np.array_equal(results[0], other) for other in results[1:])


# Bad input


@pytest.mark.parametrize("count", [0, 1, 63, 64, 100_003])
def test_read_words(backend: kernels.Backend, random: np.random.Generator, count: int) -> None:
    words = random.integers(0, 2**64, count, dtype=np.uint64)
    assert backend.read_words(words) == int(words.sum(dtype=np.uint64))


@pytest.mark.parametrize("inputs", ["float32", "bfloat16", "int8"])
def test_multiply_counts_its_operations(backend: kernels.Backend, inputs: str) -> None:
    # 12 products of 32 multiplications and additions a round and thread.
    assert backend.multiply(32, inputs=inputs) == 32 * 2 * 12 * 32 * 2


def test_multiply_refuses_inputs_that_no_product_has(backend: kernels.Backend) -> None:
    with pytest.raises(ValueError, match="float32, bfloat16 or int8"):
        backend.multiply(32, inputs="int4")


def test_wrong_shapes_and_indices_raise(backend: kernels.Backend) -> None:
    out = np.empty((2, 4), np.float32)
    with pytest.raises(ValueError, match="in-features"):
        backend.matmul(np.ones((2, 64), np.float32), np.ones((4, 32), np.uint16), None, out)
    with pytest.raises(ValueError, match="multiple of 32"):
        backend.matmul(np.ones((2, 48), np.float32), np.ones((4, 48), np.uint16), None, out)
    with pytest.raises(TypeError):
        backend.matmul(np.ones((2, 64)), np.ones((4, 64), np.uint16), None, out)  # type: ignore[arg-type]
    pages = np.zeros((2, 2, 1, 16 * 16), np.float32)
    with pytest.raises(ValueError, match="absent"):
        backend.attention(
            np.ones((1, 1, 16), np.float32),
            pages,
            np.array([[0, -1]], np.int32),
            np.zeros(1, np.int32),
            np.array([20], np.int64),
            np.zeros(1, np.float32),
            np.empty((1, 1, 16), np.float32),
            window=0,
            scale=1.0,
        )
