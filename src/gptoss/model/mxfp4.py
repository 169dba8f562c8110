"""MXFP4 weights to numbers, for inspection, export and tests; the kernels decode on their own."""

from __future__ import annotations

from gptoss.kernels import Bfloat16Bits, Bytes, Float32
from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.kernels.reference import dequantise


def unpack(blocks: Bytes, scales: Bytes) -> Float32:
    """Values (..., 32 * n) of blocks (..., n, 16) and scales (..., n).

    Exact in float32 but for scale bytes so small or large that no trained model has them.
    """
    return dequantise(blocks, scales).astype("float32")


def unpack_to_bf16(blocks: Bytes, scales: Bytes) -> Bfloat16Bits:
    """Experts as the bfloat16 layout has them: (experts, in, out), in-features first.

    Takes blocks (experts, out, in / 32, 16) and scales (experts, out, in / 32); exact likewise.
    """
    transposed = unpack(blocks, scales).swapaxes(-1, -2)
    return float32_to_bf16(transposed)
