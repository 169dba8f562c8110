"""Arrays that kernels take: their types, and the bytes of packed ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Bfloat16Bits = NDArray[np.uint16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Activations = Float32 | Bfloat16Bits | Bytes

# A block of 32 activations in eight bits: 32 signed bytes, a float32 scale, and minus the bytes' sum as int32.
INT8_BLOCK_BYTES = 40
# The float32 scale of a key or value in an eight-bit cache, beside its head_dim bytes.
INT8_CACHE_SCALE_BYTES = 4
# Features side by side in packed weights, and the bytes of a group's block of 32 inputs.
GROUP = 16
MXFP4_GROUP_BYTES, INT8_GROUP_BYTES = 256, 512
# A block of 32 values in Q8_0: a half-precision scale, then signed bytes.
Q8_0_BLOCK_BYTES = 34


@dataclass(frozen=True)
class StoredMxfp4:
    """MXFP4 weights of experts as files have them, two E2M1 values a byte: views of any strides, which nothing copies.

    blocks     (experts, rows, in / 32, 16) of each part: one with all rows, or two whose rows take turns
    scales     (experts, rows, in / 32) of each part, E8M0: 2^(byte - 127)
    is_paired  whether a byte holds neighbours, low nibble first, as safetensors have them; else value i lies in the low
               nibble of byte i and value i + 16 in the high one, as ggml has them
    """

    blocks: tuple[Bytes, ...]
    scales: tuple[Bytes, ...]
    is_paired: bool = True
