"""Packed weights and eight-bit activations against their NumPy twins, on every instruction set of this machine."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference, reference_blocks
from tests.choices import THREADS, Choice
from tests.kernels.arrays import Array, assert_within, bits, floats, sum_bound, widened

ACTS = ("float32", "bfloat16", "int8")
COUNTS = [(1, 0, 0), (0, 5, 2), (9, 1, 17), (0, 0, 40)]


def activations(backend: kernels.Backend, values: Array, act: str) -> tuple[Array, Array]:
    """Inputs of a product, and the values that they stand for."""
    if act == "float32":
        return values, values
    if act == "bfloat16":
        return bits(values), widened(bits(values))
    out = np.empty((len(values), values.shape[1] // 32 * kernels.INT8_BLOCK_BYTES), np.uint8)
    backend.to_int8(values, out)
    return out, reference_blocks.widen(out)


def packed_experts(
    each: kernels.Backend | reference.Backend, blocks: Array, scales: Array
) -> tuple[Array, Array]:
    return packed_as(each, kernels.StoredMxfp4((blocks,), (scales,)))


def packed_as(
    each: kernels.Backend | reference.Backend, stored: kernels.StoredMxfp4
) -> tuple[Array, Array]:
    experts, rows, num_blocks = stored.scales[0].shape
    shape = (experts, rows * len(stored.scales) // 16, num_blocks)
    out, out_scales = np.empty((*shape, 256), np.uint8), np.empty((*shape, 16), np.uint8)
    each.pack_mxfp4(stored, out, out_scales)
    return out, out_scales


def in_blocks_of_ggml(blocks: Array, scales: Array, *, is_paired: bool) -> Array:
    """(experts, out, in / 32, 17): each scale before its sixteen bytes, these in either order."""
    if not is_paired:
        values = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*blocks.shape[:-1], 32)
        blocks = values[..., :16] | values[..., 16:] << 4
    return np.concatenate([scales[..., None], blocks], axis=-1)


def packed_matrix(each: kernels.Backend | reference.Backend, weight: Array) -> tuple[Array, Array]:
    shape = (-(-len(weight) // 16), weight.shape[1] // 32)
    out, scales = np.empty((*shape, 512), np.uint8), np.empty((*shape, 16), np.uint16)
    each.pack_int8(weight, out, scales)
    return out, scales


# Rounding


def test_to_int8_is_exact(backend: kernels.Backend, twin: reference.Backend) -> None:
    random = np.random.default_rng(0)
    x = (floats(random, 7, 96) * 10.0 ** random.integers(-38, 30, (7, 96))).astype(np.float32)
    x[0, :32], x[1, 3], x[2, 40], x[3, 95] = 0, np.inf, np.nan, -np.inf
    # Halves between whole numbers.
    x[4, :32] = np.arange(32) - 15.5
    x[4, 0] = 127
    got, wanted = (np.empty((7, 3 * kernels.INT8_BLOCK_BYTES), np.uint8) for _ in range(2))
    backend.to_int8(x, got)
    twin.to_int8(x, wanted)
    assert np.array_equal(got, wanted)
    assert np.isnan(reference_blocks.widen(got)[1, :32]).all()


def test_int8_error_is_half_a_step(backend: kernels.Backend, random: np.random.Generator) -> None:
    x = floats(random, 5, 320)
    _, values = activations(backend, x, "int8")
    step = np.abs(x.reshape(5, 10, 32)).max(-1, keepdims=True) / 127
    assert (np.abs(values - x).reshape(5, 10, 32) <= step * 0.5001).all()


def test_every_half_precision_number_in_bfloat16(
    backend: kernels.Backend, twin: reference.Backend
) -> None:
    x = np.arange(1 << 16, dtype=np.uint16).reshape(64, 1024)
    got, wanted = np.empty_like(x), np.empty_like(x)
    backend.f16_to_bf16(x, got)
    twin.f16_to_bf16(x, wanted)
    assert np.array_equal(got, wanted)
    # Those with eight bits or fewer are bfloat16 numbers too.
    short = (x & 7 == 0) & (x & 0x7FFF <= 0x7C00)
    np.testing.assert_array_equal(widened(got)[short], x.view(np.float16)[short])


@pytest.mark.parametrize("rows", [1, 300])
def test_q8_0_in_bfloat16(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator, rows: int
) -> None:
    """Any bytes: scales that are subnormal or not finite are among them."""
    blocks = random.integers(0, 256, (rows, 11 * kernels.Q8_0_BLOCK_BYTES), dtype=np.uint8)
    got, wanted = (np.empty((rows, 352), np.uint16) for _ in range(2))
    backend.q8_0_to_bf16(blocks, got)
    twin.q8_0_to_bf16(blocks, wanted)
    assert np.array_equal(got, wanted)


# Laying out


def test_mxfp4_is_laid_out_without_loss(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator
) -> None:
    blocks = random.integers(0, 256, (2, 48, 3, 16), dtype=np.uint8)
    scales = random.integers(0, 255, (2, 48, 3), dtype=np.uint8)
    got, wanted = packed_experts(backend, blocks, scales), packed_experts(twin, blocks, scales)
    assert np.array_equal(got[0], wanted[0])
    assert np.array_equal(got[1], wanted[1])
    for expert in range(2):
        values = reference_blocks.unpack_mxfp4(got[0][expert], got[1][expert])
        np.testing.assert_array_equal(
            values, reference_blocks.dequantise(blocks[expert], scales[expert])
        )


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("form", ["one", "two", "halves of one"])
def test_mxfp4_is_laid_out_from_any_form(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    form: str,
    is_paired: bool,
) -> None:
    """The same bytes, whether rows lie in turn, in two tensors or one after the other, in either order of nibbles."""
    blocks = random.integers(0, 256, (3, 96, 5, 16), dtype=np.uint8)
    scales = random.integers(0, 255, (3, 96, 5), dtype=np.uint8)
    stored = in_blocks_of_ggml(blocks, scales, is_paired=is_paired)
    evens, odds = stored[:, ::2], stored[:, 1::2]
    parts: tuple[Array, ...] = (stored,)
    if form == "two":
        parts = (np.ascontiguousarray(evens), np.ascontiguousarray(odds))
    elif form == "halves of one":
        fused = np.concatenate([evens, odds], axis=1)
        parts = (fused[:, :48], fused[:, 48:])
    view = kernels.StoredMxfp4(
        tuple(part[..., 1:] for part in parts), tuple(part[..., 0] for part in parts), is_paired
    )
    wanted = packed_experts(twin, blocks, scales)
    for each in (backend, twin):
        got = packed_as(each, view)
        np.testing.assert_array_equal(got[0], wanted[0])
        np.testing.assert_array_equal(got[1], wanted[1])


def test_what_cannot_be_laid_out(backend: kernels.Backend) -> None:
    """Shapes are checked before memory is read by them."""
    blocks, scales = np.zeros((1, 32, 2, 16), np.uint8), np.zeros((1, 32, 2), np.uint8)
    for wrong, reason in (
        (((blocks,), ()), "of one part or of two"),
        (((blocks,) * 3, (scales,) * 3), "of one part or of two"),
        (((blocks[..., :8],), (scales,)), "sixteen neighbours"),
        (((blocks[..., ::-1],), (scales,)), "sixteen neighbours"),
        (((blocks,), (scales[0],)), "three dimensions"),
        (((blocks,), (scales[:, :16],)), "differ in shape"),
        (((blocks, blocks[:, :16]), (scales, scales[:, :16])), "differ in shape"),
        (((blocks[:, :8],), (scales[:, :8],)), "a multiple of 16"),
        (((blocks[:, :16],), (scales[:, :16],)), "out has the wrong shape"),
    ):
        out, out_scales = np.empty((1, 2, 2, 256), np.uint8), np.empty((1, 2, 2, 16), np.uint8)
        with pytest.raises(ValueError, match=reason):
            backend.pack_mxfp4(kernels.StoredMxfp4(*wrong), out, out_scales)


@pytest.mark.parametrize("rows", [16, 45])
def test_int8_weights_are_the_nearest(
    backend: kernels.Backend, twin: reference.Backend, random: np.random.Generator, rows: int
) -> None:
    weight = bits(floats(random, rows, 96))
    weight[1, 32:64] = 0
    got, wanted = packed_matrix(backend, weight), packed_matrix(twin, weight)
    assert np.array_equal(got[0], wanted[0])
    assert np.array_equal(got[1], wanted[1])
    values = reference_blocks.unpack_int8(*got)
    step = np.abs(widened(weight)).reshape(rows, 3, 32).max(-1) / 127 * (1 + 2**-7)
    error = np.abs(values[:rows] - widened(weight)).reshape(rows, 3, 32).max(-1)
    assert (error <= step / 2).all()
    assert not values[rows:].any()


# Products


@pytest.mark.wide(7)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize(("inputs", "outputs"), [(32, 64), (352, 192)])
def test_mxfp4_matmul(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    act: str,
    counts: tuple[int, ...],
    inputs: int,
    outputs: int,
) -> None:
    x, values = activations(backend, floats(random, 11, inputs), act)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    rows = random.integers(0, len(x), offsets[-1]).astype(np.int32)
    blocks = random.integers(0, 256, (3, outputs, inputs // 32, 16), dtype=np.uint8)
    scales = random.integers(118, 130, (3, outputs, inputs // 32), dtype=np.uint8)
    packed = packed_experts(backend, blocks, scales)
    bias = floats(random, 3, outputs)
    got, wanted = (np.empty((len(rows), outputs), np.float32) for _ in range(2))
    backend.mxfp4_matmul(x, rows, offsets, *packed, bias, got)
    twin.mxfp4_matmul(x, rows, offsets, *packed, bias, wanted)
    # No value exceeds 6 * 2^(129 - 127).
    magnitude = np.abs(values).sum(1)[rows][:, None] * 24.0 + np.abs(bias).max()
    assert_within(got, wanted, sum_bound(inputs, magnitude))

    inner = np.empty((len(rows), outputs // 2), np.float32)
    apart = np.empty_like(inner)
    backend.mxfp4_swiglu(x, rows, offsets, *packed, bias, inner, alpha=1.702, limit=7.0)
    backend.swiglu(got, apart, alpha=1.702, limit=7.0)
    assert np.array_equal(inner, apart)


@pytest.mark.wide(7)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("tokens", [1, 40])
@pytest.mark.parametrize("byte", [0, 1, 20, 231, 232])
def test_mxfp4_scales_at_their_limits(
    backend: kernels.Backend, random: np.random.Generator, act: str, tokens: int, byte: int
) -> None:
    # Whole numbers of one block, whose sum has one rounding at most.
    whole = random.integers(-127, 128, (tokens, 32)).astype(np.float32)
    whole[:, 0] = 127
    x, values = activations(backend, whole, act)
    blocks = random.integers(0, 256, (1, 32, 1, 16), dtype=np.uint8)
    scales = np.full((1, 32, 1), byte, np.uint8)
    out = np.empty((tokens, 32), np.float32)
    packed = packed_experts(backend, blocks, scales)
    rows, offsets = np.arange(tokens, dtype=np.int32), np.array([0, tokens], np.int32)
    backend.mxfp4_matmul(x, rows, offsets, *packed, np.zeros((1, 32), np.float32), out)
    weight = reference_blocks.dequantise(blocks[0], np.full((32, 1), 127, np.uint8))
    wanted = np.ldexp(values.astype(np.float64) @ weight.T.astype(np.float64), byte - 127)
    np.testing.assert_array_equal(out, wanted.astype(np.float32))


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("tokens", [1, 7, 100])
def test_mxfp4_combine_is_product_and_sum(
    backend: kernels.Backend, random: np.random.Generator, act: str, tokens: int
) -> None:
    """Few entries go in one pass, many in two, with the same bits."""
    ids = np.argsort(random.random((tokens, 5)))[:, :2].astype(np.int32)
    rows, offsets = np.empty(tokens * 2, np.int32), np.empty(6, np.int32)
    entries = np.empty((tokens, 2), np.int32)
    backend.assign(ids, rows, offsets, entries)
    x, _ = activations(backend, floats(random, tokens, 96), act)
    blocks = random.integers(0, 256, (5, 160, 3, 16), dtype=np.uint8)
    scales = random.integers(118, 130, (5, 160, 3), dtype=np.uint8)
    packed, bias = packed_experts(backend, blocks, scales), floats(random, 5, 160)
    weights, start = floats(random, tokens, 2), floats(random, tokens, 160)
    apart, together = start.copy(), start.copy()
    products, scratch = (np.empty((tokens * 2, 160), np.float32) for _ in range(2))
    backend.mxfp4_matmul(x, rows, offsets, *packed, bias, products)
    backend.combine(products, entries, weights, apart)
    backend.mxfp4_combine(x, rows, offsets, *packed, bias, scratch, entries, weights, together)
    assert np.array_equal(scratch, products)
    assert np.array_equal(together, apart)


@pytest.mark.parametrize("act", ["float32", "bfloat16"])
def test_mxfp4_values_are_exact(
    backend: kernels.Backend, twin: reference.Backend, act: str
) -> None:
    """Each code at each position of a block, and scales from the smallest to the largest that stays finite."""
    x, _ = activations(backend, np.eye(32, dtype=np.float32), act)
    codes = np.arange(256, dtype=np.uint8)
    blocks = np.repeat(codes[:, None, None], 16, axis=2)[None]
    rows, offsets = np.arange(32, dtype=np.int32), np.array([0, 32], np.int32)
    bias = np.zeros((1, 256), np.float32)
    for scale in (1, 2, 64, 127, 200, 251):
        packed = packed_experts(backend, blocks, np.full((1, 256, 1), scale, np.uint8))
        got, wanted = (np.empty((32, 256), np.float32) for _ in range(2))
        backend.mxfp4_matmul(x, rows, offsets, *packed, bias, got)
        twin.mxfp4_matmul(x, rows, offsets, *packed, bias, wanted)
        assert_within(got, wanted, 2.0**-127 if scale < 2 else 0.0)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("tokens", "inputs", "outputs"), [(1, 32, 16), (3, 64, 7), (30, 352, 133)])
def test_int8_matmul(
    backend: kernels.Backend,
    twin: reference.Backend,
    random: np.random.Generator,
    act: str,
    tokens: int,
    inputs: int,
    outputs: int,
) -> None:
    x, values = activations(backend, floats(random, tokens, inputs), act)
    packed = packed_matrix(backend, bits(floats(random, outputs, inputs)))
    bias = floats(random, outputs)
    magnitude = np.abs(values) @ np.abs(reference_blocks.unpack_int8(*packed)[:outputs]).T + np.abs(
        bias
    )
    for term in (bias, None):
        # Columns of a wider array.
        wide = np.full((tokens, outputs + 5), np.nan, np.float32)
        got, wanted = wide[:, 3:-2], np.empty((tokens, outputs), np.float32)
        backend.int8_matmul(x, *packed, term, got)
        twin.int8_matmul(x, *packed, term, wanted)
        assert_within(got, wanted, sum_bound(inputs, magnitude))
        assert np.isnan(wide[:, [0, 1, 2, -2, -1]]).all()
        twice = got.copy()
        backend.int8_matmul(x, *packed, term, twice, add=True)
        assert np.array_equal(twice, got + got)


def test_largest_bytes_do_not_saturate(backend: kernels.Backend, twin: reference.Backend) -> None:
    """All bytes at their ends: sixteen-bit sums on the way would overflow if they were too long."""
    x = np.empty((1, kernels.INT8_BLOCK_BYTES), np.uint8)
    backend.to_int8(np.full((1, 32), 3, np.float32), x)
    signs = np.where(np.arange(16)[:, None] % 2, 1, -1)
    weight = bits(np.broadcast_to(signs, (16, 32)).astype(np.float32))
    got, wanted = np.empty((1, 16), np.float32), np.empty((1, 16), np.float32)
    backend.int8_matmul(x, *packed_matrix(backend, weight), None, got)
    twin.int8_matmul(x, *packed_matrix(backend, weight), None, wanted)
    assert_within(got, wanted, 1e-4)
    blocks = np.where(np.arange(32)[:, None, None] % 2, 0x77, 0xFF).astype(np.uint8)
    packed = packed_experts(
        backend, np.repeat(blocks, 16, axis=2)[None], np.full((1, 32, 1), 127, np.uint8)
    )
    got, wanted = np.empty((1, 32), np.float32), np.empty((1, 32), np.float32)
    one = np.zeros(1, np.int32), np.array([0, 1], np.int32)
    for each, out in ((backend, got), (twin, wanted)):
        each.mxfp4_matmul(x, *one, *packed, np.zeros((1, 32), np.float32), out)
    assert_within(got, wanted, 1e-3)


# Same bits, whatever else runs


@pytest.mark.parametrize("act", ACTS)
def test_rows_do_not_depend_on_the_batch(
    backend: kernels.Backend, random: np.random.Generator, act: str
) -> None:
    x, _ = activations(backend, floats(random, 43, 352), act)
    matrix = packed_matrix(backend, bits(floats(random, 133, 352)))
    whole, single = np.empty((43, 133), np.float32), np.empty((1, 133), np.float32)
    backend.int8_matmul(x, *matrix, None, whole)
    blocks = random.integers(0, 256, (1, 96, 11, 16), dtype=np.uint8)
    scales = random.integers(118, 130, (1, 96, 11), dtype=np.uint8)
    packed, bias = packed_experts(backend, blocks, scales), floats(random, 1, 96)
    experts, experts_single = np.empty((43, 96), np.float32), np.empty((1, 96), np.float32)
    rows, offsets = np.arange(43, dtype=np.int32), np.array([0, 43], np.int32)
    backend.mxfp4_matmul(x, rows, offsets, *packed, bias, experts)
    for row in range(43):
        backend.int8_matmul(x[row : row + 1], *matrix, None, single)
        assert np.array_equal(single[0], whole[row])
        one, span = np.array([row], np.int32), np.array([0, 1], np.int32)
        backend.mxfp4_matmul(x, one, span, *packed, bias, experts_single)
        assert np.array_equal(experts_single[0], experts[row])


def test_results_do_not_depend_on_threads(choice: Choice, random: np.random.Generator) -> None:
    one = choice.backend()
    x, _ = activations(one, floats(random, 30, 320), "int8")
    packed = packed_matrix(one, bits(floats(random, 1000, 320)))
    results = []
    for threads in THREADS:
        out = np.empty((30, 1000), np.float32)
        choice.backend(threads).int8_matmul(x, *packed, None, out)
        results.append(out)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_eight_bits_are_equal_on_every_fused_set(random: np.random.Generator) -> None:
    """Sums of whole numbers are exact, and the rest is the same for each lane: AVX2 and AVX-512 agree to the bit."""
    fused = [isa for isa in kernels.isas() if isa != "baseline"]
    results = []
    values, weight = floats(random, 9, 320), bits(floats(random, 64, 320))
    for isa in fused:
        backend = kernels.Backend(isa=isa, threads=1, bf16_pairs=False)
        x, _ = activations(backend, values, "int8")
        out = np.empty((9, 64), np.float32)
        backend.int8_matmul(x, *packed_matrix(backend, weight), None, out)
        results.append(out)
    assert all(np.array_equal(results[0], other) for other in results[1:])
