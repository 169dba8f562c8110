"""bfloat16 as bits: the upper half of a float32, held in uint16 because NumPy has no such type."""

from __future__ import annotations

import numpy as np

from gptoss.kernels import Bfloat16Bits, Float32


def bf16_to_float32(bits: Bfloat16Bits) -> Float32:
    """The values of bfloat16 bits, exactly; any shape, a new array."""
    widened = bits.astype(np.uint32)
    widened <<= 16
    return widened.view(np.float32)


def float32_to_bf16(x: Float32) -> Bfloat16Bits:
    """Round to the nearest bfloat16, ties to even; NaN stays NaN. Any shape, a new array."""
    values = np.ascontiguousarray(x, dtype=np.float32)
    bits = values.view(np.uint32)
    rounded = bits >> np.uint32(16)
    rounded &= np.uint32(1)
    rounded += np.uint32(0x7FFF)
    rounded += bits
    rounded >>= np.uint32(16)
    if np.isfinite(values).all():
        return rounded.astype(np.uint16).reshape(np.shape(x))
    # A carry out of a NaN's mantissa would make it an infinity, so it keeps its own upper half.
    quiet_nan = (bits >> 16) | np.uint32(0x40)
    is_nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    return np.where(is_nan, quiet_nan, rounded).astype(np.uint16).reshape(np.shape(x))
