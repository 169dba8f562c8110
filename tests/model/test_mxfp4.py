"""MXFP4 against the format's definition and against transformers' unpacking."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.mxfp4 import unpack_to_bf16

# OCP Microscaling Formats (MX) 1.0, table 5: sign, two bits of exponent (bias 1), one of mantissa.
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]


def test_every_code_low_nibble_first() -> None:
    blocks = np.array([code | (15 - code) << 4 for code in range(16)], np.uint8).reshape(
        1, 1, 1, 16
    )
    scales = np.full((1, 1, 1), 127 - 3, np.uint8)
    # In-features first: (experts, in, out).
    values = bf16_to_float32(unpack_to_bf16(blocks, scales))[0, :, 0]
    expected = [E2M1[code] / 8 for pair in range(16) for code in (pair, 15 - pair)]
    np.testing.assert_array_equal(values, np.array(expected, np.float32))
    np.testing.assert_array_equal(np.signbit(values), np.signbit(expected))


@pytest.mark.torch
def test_as_transformers_unpacks() -> None:
    import torch
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (3, 64, 5, 16), dtype=np.uint8)
    scales = random.integers(100, 150, (3, 64, 5), dtype=np.uint8)
    theirs = convert_moe_packed_tensors(
        torch.from_numpy(blocks.copy()), torch.from_numpy(scales.copy()), dtype=torch.bfloat16
    )
    ours = bf16_to_float32(unpack_to_bf16(blocks, scales))
    np.testing.assert_array_equal(ours, theirs.float().numpy())
