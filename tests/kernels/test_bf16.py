"""Rounding to bfloat16 is what the published quantiser does, for all kinds of float32."""

from __future__ import annotations

import gguf
import numpy as np
import pytest

from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16


@pytest.mark.parametrize("finite", [True, False])
def test_any_bits(finite: bool) -> None:
    bits = np.random.default_rng(3).integers(0, 2**32, (300, 256), dtype=np.uint32)
    # Ties to both sides, and what becomes infinite.
    bits[0], bits[1], bits[2] = 0x3F808000, 0x3F818000, 0x7F7FFFFF
    values = bits.view(np.float32)
    if finite:
        values = np.where(np.isfinite(values), values, np.float32(0))
    wanted = gguf.quantize(values, gguf.GGMLQuantizationType.BF16).view(np.uint16)
    got = float32_to_bf16(values)
    np.testing.assert_array_equal(got, wanted)
    assert np.isnan(bf16_to_float32(got)).sum() == np.isnan(values).sum()
    np.testing.assert_array_equal(float32_to_bf16(values[:, ::2]), wanted[:, ::2])
