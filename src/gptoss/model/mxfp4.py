"""MXFP4 weights to bfloat16 and back, for export and tests; the kernels decode on their own."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels import Bfloat16Bits, Bytes, Float32
from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16
from gptoss.kernels.reference_blocks import dequantise

# With the byte 253, six times the scale is beyond bfloat16. The smallest ones make numbers that it has without a
# leading one, exactly.
LARGEST_SCALE = 252

_BLOCK = 32
_E8M0_BIAS = 127
_SIGN = 8
_NO_CODE = 255
# By twice a magnitude below 8.
_CODES = np.full(16, _NO_CODE, np.uint8)
_CODES[[0, 1, 2, 3, 4, 6, 8, 12]] = range(8)
# Decoded at a time: what fits into a core's cache with what is made of it.
_BYTES = 1 << 16


def unpack(blocks: Bytes, scales: Bytes) -> Float32:
    """Values (..., 32 * n) of blocks (..., n, 16) and scales (..., n).

    Exact in float32 but for scale bytes so small or large that no trained model has them.
    """
    return dequantise(blocks, scales).astype("float32")


def unpack_rows(blocks: Bytes, scales: Bytes) -> Bfloat16Bits:
    """Values (out, in) of one expert's blocks (out, in / 32, 16) and scales (out, in / 32).

    Exact for scales up to LARGEST_SCALE; infinite beyond, where they do not fit.
    """
    rows, count = scales.shape
    table = _pairs()
    out = np.empty((rows, count * _BLOCK), np.uint16)
    pairs = out.view(np.uint32).reshape(blocks.shape)
    step = max(1, _BYTES // (count * _BLOCK // 2))
    for start in range(0, rows, step):
        piece = slice(start, start + step)
        index = scales[piece, :, None].astype(np.intp) << 8 | blocks[piece]
        np.take(table, index, out=pairs[piece])
    return out


def unpack_to_bf16(blocks: Bytes, scales: Bytes) -> Bfloat16Bits:
    """Experts as the bfloat16 layout has them: (experts, in, out), in-features first.

    Takes blocks (experts, out, in / 32, 16) and scales (experts, out, in / 32); exact likewise.
    """
    rows = [unpack_rows(*each).T for each in zip(blocks, scales, strict=True)]
    return np.ascontiguousarray(np.stack(rows))


def pack_exactly(values: Bfloat16Bits) -> tuple[Bytes, Bytes]:
    """Blocks (out, in / 32, 16) and scales (out, in / 32) whose values are those of (out, in).

    Where several are, the largest magnitude of a block becomes 4 or 6. Raises ValueError for what MXFP4 cannot say.
    """
    rows, width = values.shape
    blocks = np.empty((rows, width // _BLOCK, _BLOCK // 2), np.uint8)
    scales = np.empty(blocks.shape[:2], np.uint8)
    step = max(1, _BYTES // width)
    for start in range(0, rows, step):
        piece = slice(start, start + step)
        blocks[piece], scales[piece] = _pack(bf16_to_float32(values[piece]))
    return blocks, scales


def _pack(values: Float32) -> tuple[Bytes, Bytes]:
    values = values.reshape(len(values), -1, _BLOCK)
    largest = np.abs(values).max(axis=-1)
    if not np.isfinite(largest).all():
        raise ValueError("it has values that are not finite")
    # 4 and 6 have three binary digits before the point. Blocks of zeros have the scale 1.
    exponents = np.frexp(largest)[1] - 3
    exponents = np.where(largest > 0, np.maximum(exponents, -_E8M0_BIAS), 0)
    doubled = np.ldexp(values, 1 - exponents[..., None])
    magnitudes = np.abs(doubled)
    wanted = magnitudes.astype(np.uint8)
    codes = _CODES[wanted]
    if (wanted != magnitudes).any() or (codes == _NO_CODE).any():
        raise ValueError("it has values that no scale makes those of MXFP4")
    codes |= np.signbit(values).astype(np.uint8) * np.uint8(_SIGN)
    packed = codes[..., ::2] | codes[..., 1::2] << 4
    return packed, (exponents + _E8M0_BIAS).astype(np.uint8)


@functools.cache
def _pairs() -> NDArray[np.uint32]:
    """The two values of each byte with each scale, the scale's byte coming first."""
    every = np.arange(256, dtype=np.uint8)
    blocks = np.broadcast_to(every.reshape(16, 16), (256, 16, 16))
    with np.errstate(over="ignore"):
        values = unpack(blocks, np.broadcast_to(every[:, None], (256, 16)))
    return float32_to_bf16(values).view(np.uint32).reshape(-1)
