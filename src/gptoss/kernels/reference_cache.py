"""Where pages keep keys and values, in plain NumPy: one page half is the keys or the values of a head.

float32, bfloat16   keys (head_dim, page_size), values (page_size, head_dim)
eight bits          the same in pairs along what is summed over: keys (head_dim / 2, page_size, 2), values
                    (page_size / 2, head_dim, 2), signed bytes; then (page_size) float32 scales
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels import INT8_CACHE_SCALE_BYTES, Activations, Bytes, Float32, Int32, Int64
from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16

Float64 = NDArray[np.float64]

# Rows of activations, weights or the cache below this have no eight-bit values but zero.
SMALLEST_INT8 = 1e-30


def page_size(pages: Activations, head_dim: int) -> int:
    """Positions of a page."""
    is_int8 = pages.dtype == np.uint8
    return int(pages.shape[3] // (head_dim + is_int8 * INT8_CACHE_SCALE_BYTES))


def store_rows(pages: Activations, slots: Int64, keys: Float32, values: Float32) -> None:
    """Write keys and values (tokens, kv_heads, head_dim) to their slots, rounded to the type of pages."""
    head_dim = keys.shape[2]
    page, offset = np.divmod(slots, page_size(pages, head_dim))
    if pages.dtype == np.uint8:
        int8 = _int8_views(pages.view(np.uint8), head_dim)
        whole, int8.key_scales[page, :, offset] = round_to_int8(keys)
        int8.keys[page, :, :, offset] = whole.reshape(*whole.shape[:2], -1, 2)
        whole, int8.value_scales[page, :, offset] = round_to_int8(values)
        int8.values[page, :, offset // 2, :, offset % 2] = whole
        return
    is_bf16 = pages.dtype == np.uint16
    all_keys, all_values = _float_views(pages, head_dim)
    all_keys[page, :, :, offset] = float32_to_bf16(keys) if is_bf16 else keys
    all_values[page, :, offset] = float32_to_bf16(values) if is_bf16 else values


def load_rows(
    pages: Activations, page: Int32, offset: Int64, head_dim: int
) -> tuple[Float64, Float64]:
    """The keys and the values at places of pages, (places, kv_heads, head_dim)."""
    if pages.dtype == np.uint8:
        int8 = _int8_views(pages.view(np.uint8), head_dim)
        keys = int8.keys[page, :, :, offset].reshape(len(page), -1, head_dim)
        values = int8.values[page, :, offset // 2, :, offset % 2]
        # By the scales in 64 bits, so that nothing is rounded.
        key_scales = int8.key_scales[page, :, offset, None].astype(np.float64)
        value_scales = int8.value_scales[page, :, offset, None].astype(np.float64)
        return keys * key_scales, values * value_scales
    all_keys, all_values = _float_views(pages, head_dim)
    return _widen(all_keys[page, :, :, offset]), _widen(all_values[page, :, offset])


def _widen(x: Activations) -> Float64:
    floats = bf16_to_float32(x.view(np.uint16)) if x.dtype == np.uint16 else x
    return floats.astype(np.float64)


def round_to_int8(x: Float32) -> tuple[NDArray[np.int8], Float32]:
    """Rows (..., width) as whole numbers, the largest magnitude of each as 127, and what one is worth.

    A row that is not finite is zeros with the scale NaN.
    """
    largest = np.abs(x).max(axis=-1)
    is_finite = np.isfinite(largest)
    is_kept = is_finite & (largest >= SMALLEST_INT8)
    safe = np.where(is_kept, largest, np.float32(1))
    scales = np.where(is_kept, safe / np.float32(127), np.where(is_finite, 0, np.nan))
    factor = np.where(is_kept, np.float32(127) / safe, np.float32(0))
    kept = np.where(is_kept[..., None], x, np.float32(0))
    whole = np.rint(kept * factor[..., None]).astype(np.int8)
    return whole, scales.astype(np.float32)


def _float_views(pages: Activations, head_dim: int) -> tuple[Activations, Activations]:
    """Keys (pages, kv_heads, head_dim, page_size), values (pages, kv_heads, page_size, head_dim)."""
    count, _, kv_heads, size = pages.shape
    keys = pages[:, 0].reshape(count, kv_heads, head_dim, size // head_dim)
    return keys, pages[:, 1].reshape(count, kv_heads, size // head_dim, head_dim)


@dataclass(frozen=True, slots=True)
class _Int8Views:
    """keys (pages, kv_heads, head_dim / 2, page_size, 2), values (pages, kv_heads, page_size / 2, head_dim, 2), their
    scales (pages, kv_heads, page_size)."""

    keys: NDArray[np.int8]
    key_scales: Float32
    values: NDArray[np.int8]
    value_scales: Float32


def _int8_views(pages: Bytes, head_dim: int) -> _Int8Views:
    count, _, kv_heads, _ = pages.shape
    size = page_size(pages, head_dim)
    halves = pages.view([("values", "i1", size * head_dim), ("scales", "<f4", size)])[..., 0]
    keys = halves["values"][:, 0].reshape(count, kv_heads, head_dim // 2, size, 2)
    values = halves["values"][:, 1].reshape(count, kv_heads, size // 2, head_dim, 2)
    return _Int8Views(keys, halves["scales"][:, 0], values, halves["scales"][:, 1])
