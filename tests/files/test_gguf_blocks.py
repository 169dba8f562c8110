"""Blocks decode to what the published library makes of them, bit for bit."""

from __future__ import annotations

import warnings

import gguf as published
import numpy as np
import pytest
from numpy.typing import NDArray

from gptoss.files.gguf_blocks import can_decode, decode, halves_of_pairs, pairs_of_halves
from gptoss.files.gguf_types import MXFP4, MXFP4_PAIRS, TYPES, BlockType
from gptoss.model.mxfp4 import unpack

DECODED = {number: kind for number, kind in TYPES.items() if can_decode(kind)}
# The library has no quantiser for the others.
QUANTISED = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4")
RANDOM = np.random.default_rng(21)


def by_library(kind: BlockType, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    number = next(number for number, each in TYPES.items() if each is kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return published.dequantize(rows, published.GGMLQuantizationType(number))


def test_what_can_be_decoded() -> None:
    assert {kind.name for kind in DECODED.values()} == {
        *QUANTISED,
        *("MXFP4 in pairs", "IQ4_NL", "IQ4_XS", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    }


# Ollama's alone is unknown to the library.
@pytest.mark.parametrize(
    "kind",
    [kind for kind in DECODED.values() if kind is not MXFP4_PAIRS],
    ids=lambda kind: kind.name,
)
def test_any_bytes(kind: BlockType) -> None:
    """Scales that are not finite among them."""
    rows = RANDOM.integers(0, 256, (200, 5 * kind.num_bytes), dtype=np.uint8)
    if kind.name == "F16":
        # The library hands these out as they are.
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(decode(kind, rows), rows.view("<f2").astype(np.float32))
        return
    got = decode(kind, rows)
    assert got.dtype == np.float32
    assert got.shape == (200, 5 * kind.num_values)
    np.testing.assert_array_equal(got, by_library(kind, rows))


def test_every_scale_of_mxfp4() -> None:
    """From 2^-127, which only subnormal numbers can say, to 255, where three quarters of the values are infinite."""
    rows = RANDOM.integers(0, 256, (256, 17), dtype=np.uint8)
    rows[:, 0] = np.arange(256)
    np.testing.assert_array_equal(decode(MXFP4, rows), by_library(MXFP4, rows))


@pytest.mark.parametrize("name", QUANTISED)
def test_round_trips(name: str) -> None:
    """Within a type's step of what was quantised. MXFP4 says nothing between 6 and 8 times a power of two."""
    kind = next(kind for kind in DECODED.values() if kind.name == name)
    values = RANDOM.standard_normal((30, 256)).astype(np.float32)
    stored = published.quantize(values, published.GGMLQuantizationType[name])
    got = decode(kind, np.ascontiguousarray(stored).view(np.uint8))
    of_largest = {"F32": 0, "F16": 2**-11, "BF16": 2**-8, "Q8_0": 1 / 250}
    most = of_largest.get(name, {"4": 1 / 7, "5": 1 / 15}.get(name[1], 1 / 4))
    assert np.abs(got - values).max() <= most * np.abs(values).max()


def test_a_piece_of_rows_and_leading_axes() -> None:
    kind = DECODED[8]
    rows = RANDOM.integers(0, 100, (3, 8, 2 * kind.num_bytes), dtype=np.uint8)
    whole = decode(kind, rows)
    assert whole.shape == (3, 8, 64)
    np.testing.assert_array_equal(decode(kind, rows[1, ::2]), whole[1, ::2])


def test_orders_of_mxfp4() -> None:
    """The same values in ggml's order, in Ollama's, and in that of safetensors, whose decoder is another one."""
    rows = RANDOM.integers(0, 256, (50, 17), dtype=np.uint8)
    rows[:, 0] = RANDOM.integers(100, 150, 50)
    paired = rows.copy()
    paired[:, 1:] = pairs_of_halves(rows[:, 1:])
    values = decode(MXFP4, rows)
    np.testing.assert_array_equal(decode(MXFP4_PAIRS, paired), values)
    np.testing.assert_array_equal(unpack(paired[:, None, 1:], paired[:, :1]), values)
    assert not np.array_equal(paired, rows)


def test_ggmls_order_and_back() -> None:
    rows = RANDOM.integers(0, 256, (5, 7, 16), dtype=np.uint8)
    np.testing.assert_array_equal(halves_of_pairs(pairs_of_halves(rows)), rows)
    np.testing.assert_array_equal(pairs_of_halves(halves_of_pairs(rows)), rows)
    # Value 1 of safetensors' order, the high half of its first byte, is the low half of ggml's second.
    first = np.zeros(16, np.uint8)
    first[0] = 0x50
    assert halves_of_pairs(first).tolist() == [0, 5] + 14 * [0]
