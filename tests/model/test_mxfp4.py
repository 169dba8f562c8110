"""MXFP4 against the format's definition and against transformers' unpacking."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16
from gptoss.model.mxfp4 import (
    LARGEST_SCALE,
    pack_exactly,
    unpack,
    unpack_rows,
    unpack_to_bf16,
)

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


def test_every_scale_and_pair_is_exact() -> None:
    """As float32 has them, but for scales beyond bfloat16."""
    pairs = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for scale in range(LARGEST_SCALE + 1):
        scales = np.full((1, 16), scale, np.uint8)
        values = bf16_to_float32(unpack_rows(pairs, scales))
        np.testing.assert_array_equal(values, unpack(pairs, scales))
        assert np.isfinite(values).all()
    beyond = unpack_rows(pairs, np.full((1, 16), LARGEST_SCALE + 1, np.uint8))
    assert not np.isfinite(bf16_to_float32(beyond)).all()


class TestPackExactly:
    def test_back_to_the_same_bits(self) -> None:
        random = np.random.default_rng(1)
        blocks = random.integers(0, 256, (40, 6, 16), dtype=np.uint8)
        # With a 4 or a 6 in it, a block has one scale only.
        blocks[..., 5] |= 6
        scales = random.integers(0, LARGEST_SCALE + 1, (40, 6), dtype=np.uint8)
        packed, found = pack_exactly(unpack_rows(blocks, scales))
        np.testing.assert_array_equal(packed, blocks)
        np.testing.assert_array_equal(found, scales)

    @pytest.mark.parametrize("most", range(1, 8))
    def test_the_same_values_from_any_codes(self, most: int) -> None:
        """Where the largest magnitude is below 4, another scale may have come with the same values."""
        random = np.random.default_rng(most)
        codes = random.integers(0, most + 1, (40, 6, 32)) + 8 * random.integers(0, 2, (40, 6, 32))
        blocks = (codes[..., ::2] | codes[..., 1::2] << 4).astype(np.uint8)
        scales = random.integers(0, 200, (40, 6), dtype=np.uint8)
        values = unpack_rows(blocks, scales)
        np.testing.assert_array_equal(unpack_rows(*pack_exactly(values)), values)

    def test_zeros_keep_their_signs(self) -> None:
        values = float32_to_bf16(np.array([[0.0, -0.0] * 16], np.float32))
        blocks, scales = pack_exactly(values)
        assert set(blocks.ravel()) == {0x80}
        assert scales.tolist() == [[127]]

    @pytest.mark.parametrize("other", [0.3, 7.0, 5.0, 1.25, 0.25, 1e-30, np.inf, np.nan])
    def test_what_it_cannot_say(self, other: float) -> None:
        values = np.full((2, 64), 6.0, np.float32)
        values[1, 40] = other
        with pytest.raises(ValueError, match="values that"):
            pack_exactly(float32_to_bf16(values))


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
