"""Weights and activations in the blocks in which kernels read them, and their values, in plain NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels.arrays import GROUP, Activations, Bfloat16Bits, Bytes
from gptoss.kernels.bf16 import bf16_to_float32

Float64 = NDArray[np.float64]

BLOCK = 32
INT8_BLOCK = np.dtype([("values", "i1", BLOCK), ("scale", "<f4"), ("surplus", "<i2", 2)])
# The input of eight neighbours that lies in each nibble of a packed word, and in each byte of eight-bit values.
NIBBLE_INPUTS = [0, 2, 4, 6, 1, 3, 5, 7]
_BYTE_INPUTS = [0, 4, 1, 5, 2, 6, 3, 7]
INT8_PLACES = np.add.outer(np.arange(0, BLOCK, 8), _BYTE_INPUTS).reshape(-1)

# The eight magnitudes of E2M1, then the same with the sign bit.
_E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


def unpack_mxfp4(blocks: Bytes, scales: Bytes) -> Float64:
    """The values of one expert's packed weights, (out, in); see `Backend.pack_mxfp4`."""
    groups, num_blocks, _ = blocks.shape
    words = blocks.reshape(groups, num_blocks, 4, GROUP, 4)
    nibbles = np.stack([words & 15, words >> 4], axis=-1).reshape(*words.shape[:-1], 8)
    codes = np.empty_like(nibbles)
    codes[..., NIBBLE_INPUTS] = nibbles
    values = _E2M1[codes] * np.ldexp(1.0, scales[:, :, None, :, None].astype(np.int64) - 127)
    return values.transpose(0, 3, 1, 2, 4).reshape(groups * GROUP, -1)


def unpack_int8(blocks: Bytes, scales: Bfloat16Bits) -> Float64:
    """The values of eight-bit weights, (padded out, in); see `Backend.pack_int8`."""
    groups, num_blocks, _ = blocks.shape
    placed = blocks.reshape(groups, num_blocks, 8, GROUP, 4).transpose(0, 1, 3, 2, 4)
    values = np.empty((groups, num_blocks, GROUP, BLOCK))
    values[..., INT8_PLACES] = placed.reshape(values.shape)
    scaled = (values - 128) * bf16_to_float32(scales)[..., None]
    return scaled.transpose(0, 2, 1, 3).reshape(groups * GROUP, -1)


def dequantise(blocks: Bytes, scales: Bytes) -> Float64:
    """MXFP4 to values: blocks (..., n, 16) and scales (..., n) to (..., 32 * n), exactly.

    Byte j of a block holds value 2j in its low half and 2j + 1 in its high half.
    """
    values = _E2M1[np.stack((blocks & 0x0F, blocks >> 4), axis=-1)]
    powers = np.exp2(scales.astype(np.float64) - 127)
    scaled = values.reshape(*scales.shape, 32) * powers[..., None]
    return scaled.reshape(*scales.shape[:-1], -1)


def widen(x: Activations) -> Float64:
    """The values of activations, (rows, in)."""
    if x.dtype == np.uint8:
        records = np.ascontiguousarray(x).view(INT8_BLOCK)
        values = np.empty((*records.shape, BLOCK))
        values[..., INT8_PLACES] = records["values"]
        scaled: Float64 = values * records["scale"][..., None]
        return scaled.reshape(len(x), -1)
    values = bf16_to_float32(x.view(np.uint16)) if x.dtype == np.uint16 else x
    return values.astype(np.float64)
