"""Values of ggml's blocks, as float32: what each type packs into its bytes.

A block's sixteen-bit scale stands for all of its values; types whose names end in K have 256 values a block, with small
scales of their own for each 16 or 32. Sources: ggml's definitions of its blocks, for the layouts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gptoss.files.gguf_types import BlockType

Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]

_E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
_E2M1_VALUES = np.concatenate([_E2M1, -_E2M1])
_E8M0_BIAS = 127
# Which bits of a word change places with those so far above them: the high nibble of each even byte with the low one of
# the next; then the inner two of four bytes; then those of four pairs.
_EXCHANGES = (
    (np.uint64(4), np.uint64(0x00F000F000F000F0)),
    (np.uint64(8), np.uint64(0x0000FF000000FF00)),
    (np.uint64(16), np.uint64(0x00000000FFFF0000)),
)
_IQ4_NL_VALUES = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32
)


def can_decode(kind: BlockType) -> bool:
    """Whether `decode` knows the type."""
    return kind.name in _DECODERS


def decode(kind: BlockType, rows: Bytes) -> Float32:
    """The values (..., width) of rows of blocks (..., bytes), in a new array.

    What is not finite in a file stays so: nothing here judges values.
    """
    blocks = np.ascontiguousarray(rows).reshape(-1, kind.num_bytes)
    with np.errstate(all="ignore"):
        values = _DECODERS[kind.name](blocks)
    width = rows.shape[-1] // kind.num_bytes * kind.num_values
    return values.reshape(*rows.shape[:-1], width)


def pairs_of_halves(blocks: Bytes) -> Bytes:
    """The sixteen bytes (..., 16) of MXFP4 blocks as safetensors have them: two neighbours a byte, the first one low.

    ggml puts the first sixteen values into the low halves of the bytes and the others into the high ones. Eight bytes
    change places at a time, in one 64-bit number.
    """
    words = np.ascontiguousarray(blocks).view("<u8").copy()
    for shift, mask in _EXCHANGES:
        # What differs between two places is added to both.
        differing = words >> shift
        differing ^= words
        differing &= mask
        words ^= differing
        differing <<= shift
        words ^= differing
    # Each word now has four bytes of the first half, then four of the second.
    halves = words.view("<u4").reshape(*blocks.shape[:-1], 4)
    out = np.empty_like(halves)
    for number, place in enumerate((0, 2, 1, 3)):
        out[..., number] = halves[..., place]
    return out.view(np.uint8)


def halves_of_pairs(blocks: Bytes) -> Bytes:
    """The sixteen bytes (..., 16) of MXFP4 blocks as ggml has them: what `pairs_of_halves` undoes."""
    first, second = blocks[..., :8], blocks[..., 8:]
    out = np.empty_like(blocks)
    out[..., 0::2] = first & 15 | second << 4
    out[..., 1::2] = first >> 4 | second & 0xF0
    return out


def _f32(blocks: Bytes) -> Float32:
    return blocks.view("<f4").astype(np.float32)


def _f16(blocks: Bytes) -> Float32:
    return blocks.view("<f2").astype(np.float32)


def _bf16(blocks: Bytes) -> Float32:
    widened = blocks.view("<u2").astype(np.uint32)
    widened <<= 16
    return widened.view(np.float32)


def _mxfp4(blocks: Bytes) -> Float32:
    return _scaled_by_power(_E2M1_VALUES[_halves(blocks[:, 1:])], blocks)


def _mxfp4_pairs(blocks: Bytes) -> Float32:
    return _scaled_by_power(_E2M1_VALUES[_pairs(blocks[:, 1:])], blocks)


def _q4_0(blocks: Bytes) -> Float32:
    return _half(blocks, 0) * (_halves(blocks[:, 2:]).astype(np.float32) - 8)


def _q4_1(blocks: Bytes) -> Float32:
    return _half(blocks, 0) * _halves(blocks[:, 4:]).astype(np.float32) + _half(blocks, 2)


def _q5_0(blocks: Bytes) -> Float32:
    fifth = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    values = _halves(blocks[:, 6:]) | fifth << 4
    return _half(blocks, 0) * (values.astype(np.float32) - 16)


def _q5_1(blocks: Bytes) -> Float32:
    fifth = np.unpackbits(blocks[:, 4:8], axis=1, bitorder="little")
    values = _halves(blocks[:, 8:]) | fifth << 4
    return _half(blocks, 0) * values.astype(np.float32) + _half(blocks, 2)


def _q8_0(blocks: Bytes) -> Float32:
    return _half(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


def _iq4_nl(blocks: Bytes) -> Float32:
    return _half(blocks, 0) * _IQ4_NL_VALUES[_halves(blocks[:, 2:])]


def _iq4_xs(blocks: Bytes) -> Float32:
    fours = _planes(blocks[:, 4:8], 4, num_bytes=1)
    twos = _planes(blocks[:, 2:4], 2, num_bytes=1)
    small = (fours | twos << np.uint8(4)).astype(np.float32) - 32
    values = _IQ4_NL_VALUES[_planes(blocks[:, 8:], 4, num_bytes=16)].reshape(-1, 8, 32)
    return _by_group(values, _half(blocks, 0) * small)


def _q2_k(blocks: Bytes) -> Float32:
    small = blocks[:, :16]
    scales = _half(blocks, 80) * (small & 15).astype(np.float32)
    least = _half(blocks, 82) * (small >> 4).astype(np.float32)
    values = _planes(blocks[:, 16:80], 2, num_bytes=32).reshape(-1, 16, 16)
    return _by_group(values, scales, least)


def _q3_k(blocks: Bytes) -> Float32:
    # A third bit that is not set takes four away.
    third = _planes(blocks[:, :32], 1, num_bytes=32).reshape(-1, 16, 16)
    low = _planes(blocks[:, 32:96], 2, num_bytes=32).reshape(-1, 16, 16)
    values = low.astype(np.float32) - 4 * (1 - third.astype(np.float32))
    fours = _planes(blocks[:, 96:104], 4, num_bytes=8)
    twos = _planes(blocks[:, 104:108], 2, num_bytes=4)
    small = (fours | twos << 4).astype(np.float32) - 32
    return _by_group(values, _half(blocks, 108) * small)


def _q4_k(blocks: Bytes) -> Float32:
    values = _planes(blocks[:, 16:], 4, num_bytes=32).reshape(-1, 8, 32)
    return _by_group(values, *_scales_and_least(blocks))


def _q5_k(blocks: Bytes) -> Float32:
    fifth = _planes(blocks[:, 16:48], 1, num_bytes=32)
    values = _planes(blocks[:, 48:], 4, num_bytes=32) | fifth << np.uint8(4)
    return _by_group(values.reshape(-1, 8, 32), *_scales_and_least(blocks))


def _q6_k(blocks: Bytes) -> Float32:
    low = _planes(blocks[:, :128], 4, num_bytes=64)
    high = _planes(blocks[:, 128:192], 2, num_bytes=32)
    values = (low | high << 4).astype(np.float32) - 32
    small = blocks[:, 192:208].view(np.int8).astype(np.float32)
    return _by_group(values.reshape(-1, 16, 16), _half(blocks, 208) * small)


_DECODERS: Mapping[str, Callable[[Bytes], Float32]] = MappingProxyType(
    {
        "F32": _f32,
        "F16": _f16,
        "BF16": _bf16,
        "MXFP4": _mxfp4,
        "MXFP4 in pairs": _mxfp4_pairs,
        "Q4_0": _q4_0,
        "Q4_1": _q4_1,
        "Q5_0": _q5_0,
        "Q5_1": _q5_1,
        "Q8_0": _q8_0,
        "IQ4_NL": _iq4_nl,
        "IQ4_XS": _iq4_xs,
        "Q2_K": _q2_k,
        "Q3_K": _q3_k,
        "Q4_K": _q4_k,
        "Q5_K": _q5_k,
        "Q6_K": _q6_k,
    }
)


def _half(blocks: Bytes, at: int) -> Float32:
    """A scale of two bytes, (blocks, 1)."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _halves(packed: Bytes) -> Bytes:
    """Values of four bits: the low halves of all bytes, then the high ones."""
    return np.concatenate([packed & 15, packed >> 4], axis=1)


def _pairs(packed: Bytes) -> Bytes:
    """Values of four bits: the low half of each byte, then its high one."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(packed), -1)


def _planes(packed: Bytes, num_bits: int, *, num_bytes: int) -> Bytes:
    """Values of so many bits: of `num_bytes` bytes at a time the lowest bits of each, then the next ones, and so on."""
    shifts = np.arange(0, 8, num_bits, dtype=np.uint8)[:, None]
    planes = packed.reshape(len(packed), -1, 1, num_bytes) >> shifts
    return (planes & np.uint8((1 << num_bits) - 1)).reshape(len(packed), -1)


def _scales_and_least(blocks: Bytes) -> tuple[Float32, Float32]:
    """The scales and least values of eight groups, (blocks, 8) each: six bits each, the last four's in three places."""
    first, second, third = blocks[:, 4:8], blocks[:, 8:12], blocks[:, 12:16]
    scales = np.concatenate([first & 63, third & 15 | first >> 6 << 4], axis=1)
    least = np.concatenate([second & 63, third >> 4 | second >> 6 << 4], axis=1)
    return (
        _half(blocks, 0) * scales.astype(np.float32),
        _half(blocks, 2) * least.astype(np.float32),
    )


def _by_group(values: Bytes | Float32, scales: Float32, least: Float32 | None = None) -> Float32:
    """values (blocks, groups, n) by the scale of each group, less its least value if it has one."""
    scaled = values.astype(np.float32)
    scaled *= scales[..., None]
    if least is not None:
        scaled -= least[..., None]
    return scaled


def _scaled_by_power(values: Float32, blocks: Bytes) -> Float32:
    exponents = blocks[:, :1].astype(np.int32) - _E8M0_BIAS
    return np.ldexp(values, exponents)
