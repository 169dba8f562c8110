"""Training kernels against their NumPy twins, with every choice of kernels that this machine runs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference, reference_blocks, reference_training
from tests.choices import THREADS, Choice
from tests.kernels.arrays import (
    EPSILON,
    Array,
    assert_within,
    bits,
    floats,
    sum_bound,
    widened,
)

COUNTS = [(1, 0, 0), (0, 5, 2), (9, 1, 17), (0, 0, 140), (7, 8, 131)]


@pytest.fixture
def training(backend: kernels.Backend) -> kernels.TrainingKernels:
    return kernels.TrainingBackend(backend)


@pytest.fixture
def training_twin() -> kernels.TrainingKernels:
    return reference_training.TrainingBackend()


def packed_experts(
    random: np.random.Generator, experts: int, features: int, num_blocks: int
) -> tuple[Array, Array]:
    """Any codes, with scales from 2^-17 to 2^13."""
    stored = kernels.StoredMxfp4(
        (random.integers(0, 256, (experts, features, num_blocks, 16), dtype=np.uint8),),
        (random.integers(110, 140, (experts, features, num_blocks), dtype=np.uint8),),
    )
    shape = (experts, features // 16, num_blocks)
    out, scales = np.empty((*shape, 256), np.uint8), np.empty((*shape, 16), np.uint8)
    reference.Backend().pack_mxfp4(stored, out, scales)
    return out, scales


# Products


@pytest.mark.parametrize("act", ["float32", "bfloat16"])
@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize(("features", "num_blocks"), [(32, 1), (96, 5), (1056, 3)])
def test_mxfp4_transposed(
    training: kernels.TrainingKernels,
    training_twin: kernels.TrainingKernels,
    random: np.random.Generator,
    act: str,
    counts: tuple[int, ...],
    features: int,
    num_blocks: int,
) -> None:
    blocks, scales = packed_experts(random, len(counts), features, num_blocks)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    values = floats(random, 11, features)
    x = values if act == "float32" else bits(values)
    rows = random.integers(0, len(x), offsets[-1]).astype(np.int32)
    got, wanted = (np.empty((len(rows), 32 * num_blocks), np.float32) for _ in range(2))
    training.mxfp4_transposed(x, rows, offsets, blocks, scales, got)
    training_twin.mxfp4_transposed(x, rows, offsets, blocks, scales, wanted)
    magnitudes = np.empty(got.shape)
    for expert, (begin, end) in enumerate(itertools.pairwise(offsets)):
        weight = reference_blocks.unpack_mxfp4(blocks[expert], scales[expert])
        magnitudes[begin:end] = np.abs(widened(x))[rows[begin:end]] @ np.abs(weight)
    assert_within(got, wanted, sum_bound(features, magnitudes))


def test_mxfp4_transposed_is_the_gradient_of_the_forward_product(
    backend: kernels.Backend, training: kernels.TrainingKernels, random: np.random.Generator
) -> None:
    """d . (W x) = (d W) . x, with the same packed bytes read both ways."""
    blocks, scales = packed_experts(random, 2, 96, 2)
    offsets, rows = np.array([0, 3, 8], np.int32), np.arange(8, dtype=np.int32)
    x, d = floats(random, 8, 64), floats(random, 8, 96)
    y, d_x = np.empty_like(d), np.empty_like(x)
    backend.mxfp4_matmul(x, rows, offsets, blocks, scales, np.zeros((2, 96), np.float32), y)
    training.mxfp4_transposed(d, rows, offsets, blocks, scales, d_x)
    forward = (d.astype(np.float64) * y).sum(-1)
    np.testing.assert_allclose((d_x.astype(np.float64) * x).sum(-1), forward, rtol=1e-4)


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("entries", [1, 7, 150])
@pytest.mark.parametrize(("features", "num_blocks"), [(20, 1), (96, 5), (530, 3)])
def test_dense_transposed(
    training: kernels.TrainingKernels,
    training_twin: kernels.TrainingKernels,
    random: np.random.Generator,
    add: bool,
    entries: int,
    features: int,
    num_blocks: int,
) -> None:
    """As stored and in eight bits; rows of out are columns of a wider array, whose others stay."""
    weight = bits(floats(random, features, 32 * num_blocks))
    groups = -(-features // 16)
    blocks, scales = (
        np.empty((groups, num_blocks, 512), np.uint8),
        np.empty((groups, num_blocks, 16), np.uint16),
    )
    reference.Backend().pack_int8(weight, blocks, scales)
    x = np.zeros((entries, groups * 16), np.float32)
    x[:, :features] = floats(random, entries, features)
    before = floats(random, entries, 32 * num_blocks + 9)
    for form in ("stored", "int8"):
        results = []
        for each in (training, training_twin):
            whole = before.copy()
            out = whole[:, 4:-5]
            if form == "stored":
                each.bf16_transposed(np.ascontiguousarray(x[:, :features]), weight, out, add=add)
                values = np.abs(widened(weight).astype(np.float64))
            else:
                each.int8_transposed(x, blocks, scales, out, add=add)
                values = np.abs(reference_blocks.unpack_int8(blocks, scales))[:features]
            assert np.array_equal(whole[:, :4], before[:, :4])
            assert np.array_equal(whole[:, -5:], before[:, -5:])
            results.append(out)
        magnitudes = np.abs(x[:, :features]) @ values + np.abs(before[:, 4:-5])
        assert_within(results[0], results[1], sum_bound(features + 1, magnitudes))


@pytest.mark.parametrize("rows", [1, 6, 131])
@pytest.mark.parametrize(("steps", "columns"), [(1, 16), (40, 48), (300, 160)])
def test_add_product(
    training: kernels.TrainingKernels,
    training_twin: kernels.TrainingKernels,
    random: np.random.Generator,
    rows: int,
    steps: int,
    columns: int,
) -> None:
    """Of rows as they lie and of a transpose, with parts of wider rows."""
    a, b, before = (
        floats(random, rows, steps),
        floats(random, steps, columns + 3),
        floats(random, rows, columns + 5),
    )
    magnitudes = np.abs(a) @ np.abs(b[:, :columns]) + np.abs(before[:, :columns])
    for left in (a, np.ascontiguousarray(a.T).T):
        got, wanted = before.copy(), before.copy()
        training.add_product(left, b[:, :columns], got[:, :columns])
        training_twin.add_product(left, b[:, :columns], wanted[:, :columns])
        assert_within(got, wanted, np.pad(sum_bound(steps + 1, magnitudes), ((0, 0), (0, 5))))
        assert np.array_equal(got[:, columns:], before[:, columns:])


# Activation


def test_swiglu_gradient(
    training: kernels.TrainingKernels,
    training_twin: kernels.TrainingKernels,
    random: np.random.Generator,
) -> None:
    gate_up, d_out = floats(random, 5, 192, scale=5.0), floats(random, 5, 96)
    gate_up[0, :6] = [7, 7, -7, -7, 90, -90]
    got, wanted = np.empty_like(gate_up), np.empty_like(gate_up)
    training.swiglu_gradient(gate_up, d_out, got, alpha=1.702, limit=7.0)
    training_twin.swiglu_gradient(gate_up, d_out, wanted, alpha=1.702, limit=7.0)
    # A handful of roundings, of terms that are at most 12 times d_out.
    bound = 16 * EPSILON * 12 * np.repeat(np.abs(d_out), 2, axis=1)
    assert_within(got, wanted, bound)
    assert (got[0, :4] != 0).all()
    assert (got[0, 4:6] == 0).all()
    in_place = gate_up.copy()
    training.swiglu_gradient(in_place, d_out, in_place, alpha=1.702, limit=7.0)
    assert np.array_equal(in_place, got)


def test_swiglu_gradient_is_the_derivative(
    training_twin: kernels.TrainingKernels, random: np.random.Generator
) -> None:
    """The twin against float64 differences of the forward formula."""

    def swiglu(gate_up: Array) -> Array:
        gate, up = np.minimum(gate_up[:, 0::2], 7), np.clip(gate_up[:, 1::2], -7, 7)
        result: Array = gate / (1 + np.exp(-1.702 * gate)) * (up + 1)
        return result

    gate_up, d_out = random.standard_normal((4, 64)) * 5, random.standard_normal((4, 32))
    got = np.empty_like(gate_up)
    training_twin.swiglu_gradient(gate_up, d_out, got, alpha=1.702, limit=7.0)
    step = 1e-6
    for column in range(64):
        moved = [gate_up.copy(), gate_up.copy()]
        moved[0][:, column] += step
        moved[1][:, column] -= step
        slope = ((swiglu(moved[0]) - swiglu(moved[1])) * d_out).sum(-1) / (2 * step)
        np.testing.assert_allclose(got[:, column], slope, rtol=1e-6, atol=1e-7)


# One order


@pytest.mark.parametrize("act", ["float32", "bfloat16"])
def test_products_are_the_same_bits_for_any_threads_and_company(
    choice: Choice, random: np.random.Generator, act: str
) -> None:
    blocks, scales = packed_experts(random, 2, 96, 3)
    values = floats(random, 140, 96)
    x = values if act == "float32" else bits(values)
    offsets, rows = np.array([0, 60, 140], np.int32), np.arange(140, dtype=np.int32)
    weight = bits(floats(random, 96, 96))
    results = []
    for threads in THREADS:
        training = kernels.TrainingBackend(choice.backend(threads))
        got, dense = np.empty((140, 96), np.float32), np.empty((140, 96), np.float32)
        training.mxfp4_transposed(x, rows, offsets, blocks, scales, got)
        training.bf16_transposed(values, weight, dense)
        training.add_product(values, widened(weight), dense)
        results.append((got, dense))
    for got, dense in results[1:]:
        assert np.array_equal(got, results[0][0])
        assert np.array_equal(dense, results[0][1])
    alone = np.empty((1, 96), np.float32)
    training.mxfp4_transposed(
        x, np.array([77], np.int32), np.array([0, 0, 1], np.int32), blocks, scales, alone
    )
    assert np.array_equal(alone[0], results[0][0][77])
    training.bf16_transposed(values[77:78], weight, alone)
    training.add_product(values[77:78], widened(weight), alone)
    assert np.array_equal(alone[0], results[0][1][77])


def test_shapes_are_checked(training: kernels.TrainingKernels, random: np.random.Generator) -> None:
    blocks, scales = packed_experts(random, 1, 32, 1)
    one, row = np.zeros((1, 32), np.float32), np.zeros(1, np.int32)
    offsets = np.array([0, 1], np.int32)
    with pytest.raises(ValueError, match="out-features"):
        training.mxfp4_transposed(np.zeros((1, 64), np.float32), row, offsets, blocks, scales, one)
    with pytest.raises(ValueError, match="outside x"):
        training.mxfp4_transposed(one, row + 1, offsets, blocks, scales, one.copy())
    with pytest.raises(ValueError, match="out-features"):
        training.bf16_transposed(one, np.zeros((48, 32), np.uint16), one.copy())
    with pytest.raises(ValueError, match="shapes differ"):
        training.add_product(one, one, one.copy())
    with pytest.raises(ValueError, match="multiple of 16"):
        training.add_product(one, np.zeros((32, 8), np.float32), np.zeros((1, 8), np.float32))
    with pytest.raises(ValueError, match="shapes differ"):
        training.swiglu_gradient(one, one, one.copy(), alpha=1.0, limit=1.0)
