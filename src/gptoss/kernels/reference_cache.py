"""Where pages keep keys and values, in plain NumPy: one page half is the keys or the values of a head.

float32, bfloat16   keys (head_dim, page_size), values (page_size, head_dim)
eight bits          the same in pairs along what is summed over: keys (head_dim / 2, page_size, 2), values
                    (page_size / 2, head_dim, 2), signed bytes; then (page_size) float32 scales
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels import INT8_CACHE_SCALE_BYTES, Activations, Bytes, Float32, Int64
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
        stored_keys, key_scales, stored_values, value_scales = _int8_views(pages, head_dim)
        whole, key_scales[page, :, offset] = round_to_int8(keys)
        stored_keys[page, :, :, offset] = whole.reshape(*whole.shape[:2], -1, 2)
        whole, value_scales[page, :, offset] = round_to_int8(values)
        stored_values[page, :, offset // 2, :, offset % 2] = whole
        return
    is_bf16 = pages.dtype == np.uint16
    all_keys, all_values = _float_views(pages, head_dim)
    all_keys[page, :, :, offset] = float32_to_bf16(keys) if is_bf16 else keys
    all_values[page, :, offset] = float32_to_bf16(values) if is_bf16 else values


def load_rows(
    pages: Activations, page: NDArray[np.integer], offset: Int64, head_dim: int
) -> tuple[Float64, Float64]:
    """The keys and the values at places of pages, (places, kv_heads, head_dim)."""
    if pages.dtype == np.uint8:
        stored_keys, key_scales, stored_values, value_scales = _int8_views(pages, head_dim)
        shape = (len(page), pages.shape[2], head_dim)
        keys = stored_keys[page, :, :, offset].reshape(shape).astype(np.float64)
        values = stored_values[page, :, offset // 2, :, offset % 2].astype(np.float64)
        keys *= key_scales[page, :, offset][..., None]
        values *= value_scales[page, :, offset][..., None]
        return keys, values
    all_keys, all_values = _float_views(pages, head_dim)
    rows = all_keys[page, :, :, offset], all_values[page, :, offset]
    floats = [bf16_to_float32(row) if row.dtype == np.uint16 else row for row in rows]
    return floats[0].astype(np.float64), floats[1].astype(np.float64)


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


def _int8_views(
    pages: Bytes, head_dim: int
) -> tuple[NDArray[np.int8], Float32, NDArray[np.int8], Float32]:
    """Keys (pages, kv_heads, head_dim / 2, page_size, 2), their scales (pages, kv_heads, page_size), values (pages,
    kv_heads, page_size / 2, head_dim, 2), their scales."""
    count, _, kv_heads, _ = pages.shape
    size = page_size(pages, head_dim)
    record = np.dtype([("values", "i1", size * head_dim), ("scales", "<f4", size)])
    halves = pages.view(record)[..., 0]
    keys = halves["values"][:, 0].reshape(count, kv_heads, head_dim // 2, size, 2)
    values = halves["values"][:, 1].reshape(count, kv_heads, size // 2, head_dim, 2)
    return keys, halves["scales"][:, 0], values, halves["scales"][:, 1]
