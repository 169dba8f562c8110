"""The same functions in plain NumPy: the definition of right, that the C++ ones are tested by.

Sums run in float64 and are rounded once, so this is also the more exact of the two. Rows are
multiplied one at a time: BLAS chooses its order of summing by the number of rows, and a row's
result must not depend on its company.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gptoss.errors import KernelError
from gptoss.files.gguf_blocks import decode
from gptoss.files.gguf_types import F16, Q8_0
from gptoss.kernels import (
    GROUP,
    Activations,
    Bfloat16Bits,
    Bytes,
    Float32,
    Int32,
    Int64,
    StoredMxfp4,
)
from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16
from gptoss.kernels.reference_blocks import (
    BLOCK,
    INT8_BLOCK,
    INT8_PLACES,
    NIBBLE_INPUTS,
    Float64,
    unpack_int8,
    unpack_mxfp4,
    widen,
)
from gptoss.kernels.reference_cache import (
    SMALLEST_INT8,
    load_rows,
    page_size,
    round_to_int8,
    store_rows,
)


class Backend:
    """`gptoss.kernels.Backend` in NumPy; see there for what each method takes."""

    isa = "reference"
    threads = 1
    bf16_pairs = False

    def __init__(
        self,
        *,
        isa: str | None = None,
        threads: int | None = None,
        bf16_pairs: bool | None = None,
    ) -> None:
        if isa not in (None, self.isa):
            raise KernelError(
                f"instruction set {isa!r}: the reference has only {self.isa!r}; leave isa out"
            )
        if threads not in (None, self.threads):
            raise KernelError(f"{threads} threads: the reference has one; leave threads out")
        if bf16_pairs:
            raise KernelError("the reference multiplies no bfloat16 in pairs; leave bf16_pairs out")

    @property
    def activation_dtype(self) -> np.dtype[Any]:
        """bfloat16 bits."""
        return np.dtype(np.uint16)

    def attention_dtype(self, pages: Activations, head_dim: int) -> np.dtype[Any]:
        """float32: queries and weights are not rounded, whatever the pages."""
        return np.dtype(np.float32)

    def to_bf16(self, x: Float32, out: Activations) -> None:
        """Round to nearest, ties to even; NaN stays NaN."""
        bits = float32_to_bf16(x)
        out[...] = bits if out.dtype == np.uint16 else bf16_to_float32(bits)

    def rms_norm(
        self,
        x: Float32,
        weight: Float32,
        out: Float32,
        *,
        eps: float,
        rounded: Activations | None = None,
    ) -> None:
        """x / sqrt(mean(x^2) + eps) * weight, by rows."""
        wide = x.astype(np.float64)
        mean_square = (wide**2).mean(axis=-1, keepdims=True)
        out[...] = wide / np.sqrt(mean_square + eps) * weight
        self._round(out, rounded)

    def to_int8(self, x: Float32, out: Bytes) -> None:
        """Blocks of 32: bytes, scale, and what weights raised by 16 give too much, by pairs of bytes."""
        values = x.reshape(-1, BLOCK)
        records = np.zeros(len(values), INT8_BLOCK)
        whole, records["scale"] = round_to_int8(values)
        records["values"] = whole[:, INT8_PLACES]
        pairs = records["values"].reshape(-1, BLOCK // 4, 2, 2)
        records["surplus"] = -16 * pairs.sum(axis=(1, 3), dtype=np.int16)
        out[...] = records.view(np.uint8).reshape(out.shape)

    def f16_to_bf16(self, x: Bfloat16Bits, out: Bfloat16Bits) -> None:
        """Widened exactly, then rounded."""
        out[...] = float32_to_bf16(decode(F16, x.view(np.uint8)))

    def q8_0_to_bf16(self, blocks: Bytes, out: Bfloat16Bits) -> None:
        """A block's scale times its bytes, exact in float32, then rounded."""
        out[...] = float32_to_bf16(decode(Q8_0, blocks))

    def pack_mxfp4(self, stored: StoredMxfp4, out: Bytes, out_scales: Bytes) -> None:
        """Word (z, f) of a group's block: nibble i / 2 + 4 * (i % 2) is input 8 z + i of feature f."""
        experts, num_groups, num_blocks, _ = out.shape
        groups = (experts, num_groups, GROUP, num_blocks)
        # Rows of parts take turns.
        blocks = np.stack(stored.blocks, axis=2).reshape(*groups, BLOCK // 2)
        scales = np.stack(stored.scales, axis=2).reshape(groups)
        nibbles = np.stack([blocks & 15, blocks >> 4], axis=-1 if stored.is_paired else -2)
        values = nibbles.reshape(*groups, 4, 8)
        placed = values[..., NIBBLE_INPUTS]
        words = (placed[..., 0::2] | placed[..., 1::2] << 4).transpose(0, 1, 3, 4, 2, 5)
        out[...] = words.reshape(out.shape)
        out_scales[...] = scales.transpose(0, 1, 3, 2)

    def pack_int8(self, weight: Bfloat16Bits, out: Bytes, scales: Bfloat16Bits) -> None:
        """Byte (s, f, j) of a group's block: the place 4 s + j of feature f's 32 inputs, plus 128."""
        features, width = weight.shape
        padded = np.zeros((-(-features // GROUP) * GROUP, width), np.float32)
        padded[:features] = bf16_to_float32(weight)
        values = padded.reshape(-1, GROUP, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)
        largest = np.abs(values).max(axis=-1)
        # Rounded up, so that nothing passes 127.
        upper = (largest / np.float32(127)).view(np.uint32) + np.uint32(0xFFFF)
        scales[...] = np.where(largest < SMALLEST_INT8, 0, upper >> np.uint32(16))
        with np.errstate(divide="ignore"):
            factor = np.where(largest < SMALLEST_INT8, 0, np.float32(1) / bf16_to_float32(scales))
        whole = np.rint(values * factor[..., None]).astype(np.int16) + 128
        placed = whole[..., INT8_PLACES].reshape(*whole.shape[:-1], 8, 4)
        out[...] = placed.transpose(0, 1, 3, 2, 4).reshape(out.shape)

    def matmul(
        self,
        x: Activations,
        weight: Bfloat16Bits,
        bias: Float32 | None,
        out: Float32,
        *,
        add: bool = False,
    ) -> None:
        """x (tokens, in) by the transpose of weight (out, in), plus bias."""
        product = _rows_by(widen(x), widen(weight), 0.0 if bias is None else bias)
        out[...] = product + out if add else product

    def int8_matmul(
        self,
        x: Activations,
        blocks: Bytes,
        scales: Bfloat16Bits,
        bias: Float32 | None,
        out: Float32,
        *,
        add: bool = False,
    ) -> None:
        """As `matmul`, with the weights of `pack_int8`."""
        weight = unpack_int8(blocks, scales)[: out.shape[1]]
        product = _rows_by(widen(x), weight, 0.0 if bias is None else bias)
        out[...] = product + out if add else product

    def mxfp4_matmul(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        blocks: Bytes,
        scales: Bytes,
        bias: Float32,
        out: Float32,
    ) -> None:
        """Entry i, of expert e: row rows[i] of x by the transpose of e's MXFP4 weight."""
        wide = widen(x)
        for expert, entries in _groups(offsets):
            weight = unpack_mxfp4(blocks[expert], scales[expert])
            out[entries] = _rows_by(wide[rows[entries]], weight, bias[expert])

    def mxfp4_swiglu(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        blocks: Bytes,
        scales: Bytes,
        bias: Float32,
        out: Float32,
        *,
        alpha: float,
        limit: float,
        rounded: Activations | None = None,
    ) -> None:
        """`mxfp4_matmul`, then `swiglu`."""
        gate_up = np.empty((len(rows), bias.shape[1]), np.float32)
        self.mxfp4_matmul(x, rows, offsets, blocks, scales, bias, gate_up)
        self.swiglu(gate_up, out, alpha=alpha, limit=limit, rounded=rounded)

    def mxfp4_combine(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        blocks: Bytes,
        scales: Bytes,
        bias: Float32,
        expert_out: Float32,
        entries: Int32,
        weights: Float32,
        out: Float32,
    ) -> None:
        """`mxfp4_matmul`, then `combine`."""
        self.mxfp4_matmul(x, rows, offsets, blocks, scales, bias, expert_out)
        self.combine(expert_out, entries, weights, out)

    def expert_matmul(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        weight: Bfloat16Bits,
        bias: Float32,
        out: Float32,
    ) -> None:
        """As `mxfp4_matmul`, with bfloat16 weight (experts, in, out): in-features first."""
        wide = widen(x)
        for expert, entries in _groups(offsets):
            transposed = np.ascontiguousarray(widen(weight[expert]).T)
            out[entries] = _rows_by(wide[rows[entries]], transposed, bias[expert])

    def swiglu(
        self,
        gate_up: Float32,
        out: Float32,
        *,
        alpha: float,
        limit: float,
        rounded: Activations | None = None,
    ) -> None:
        """gate * sigmoid(alpha * gate) * (up + 1); even columns are gate, odd ones up."""
        gate = np.minimum(gate_up[:, 0::2].astype(np.float64), limit)
        up = np.clip(gate_up[:, 1::2].astype(np.float64), -limit, limit)
        # A gate far below zero overflows to infinity, whose reciprocal is the right limit, zero.
        with np.errstate(over="ignore"):
            sigmoid = 1 / (1 + np.exp(-alpha * gate))
        out[...] = gate * sigmoid * (up + 1)
        self._round(out, rounded)

    def route(self, logits: Float32, expert_ids: Int32, weights: Float32) -> None:
        """The k largest logits, ties to the lower id, and the softmax over these k."""
        order = np.argsort(-logits, axis=-1, kind="stable")[:, : expert_ids.shape[1]]
        chosen = np.take_along_axis(logits, order, axis=-1).astype(np.float64)
        exponentials = np.exp(chosen - chosen[:, :1])
        expert_ids[...] = order
        weights[...] = exponentials / exponentials.sum(axis=-1, keepdims=True)

    def assign(self, expert_ids: Int32, rows: Int32, offsets: Int32, entries: Int32) -> None:
        """A stable sort of the choices by expert."""
        flat = expert_ids.reshape(-1)
        order = np.argsort(flat, kind="stable")
        offsets[0] = 0
        np.cumsum(np.bincount(flat, minlength=len(offsets) - 1), out=offsets[1:])
        entries.reshape(-1)[order] = np.arange(len(flat))
        rows[...] = order // expert_ids.shape[1]

    def combine(self, expert_out: Float32, entries: Int32, weights: Float32, out: Float32) -> None:
        """out[t] += sum over j of weights[t, j] * expert_out[entries[t, j]], j in order."""
        total = out.astype(np.float64)
        for j in range(entries.shape[1]):
            total += weights[:, j, None].astype(np.float64) * expert_out[entries[:, j]]
        out[...] = total

    def rope_store(
        self, qkv: Float32, cos: Float32, sin: Float32, pages: Activations, slots: Int64
    ) -> None:
        """Rotate the pairs (i, i + head_dim / 2) of queries and keys; keys and values to their slots."""
        kv_heads, head_dim = pages.shape[2], qkv.shape[2]
        heads, half = qkv.shape[1] - 2 * kv_heads, head_dim // 2
        first = qkv[:, :-kv_heads, :half].astype(np.float64)
        second = qkv[:, :-kv_heads, half:].astype(np.float64)
        qkv[:, :-kv_heads, :half] = first * cos[:, None] - second * sin[:, None]
        qkv[:, :-kv_heads, half:] = second * cos[:, None] + first * sin[:, None]
        store_rows(pages, slots, qkv[:, heads:-kv_heads], qkv[:, -kv_heads:])

    def attention(
        self,
        query: Float32,
        pages: Activations,
        page_table: Int32,
        sequence_index: Int32,
        positions: Int64,
        sinks: Float32,
        out: Float32,
        *,
        window: int,
        scale: float,
        rounded: Activations | None = None,
    ) -> None:
        """Attend each query to the cached keys of its own sequence, with one sink per head."""
        head_dim, heads = query.shape[2], out.shape[1]
        slots_per_page = page_size(pages, head_dim)
        for token, position in enumerate(positions):
            start = max(0, position + 1 - window) if window else 0
            seen = np.arange(start, position + 1)
            page = page_table[sequence_index[token], seen // slots_per_page]
            if (page < 0).any():
                raise ValueError("attention: a visible page is absent")
            keys, values = load_rows(pages, page, seen % slots_per_page, head_dim)
            scaled = query[token, :heads].astype(np.float64) * scale
            out[token] = _attend(scaled, keys, values, sinks)
        self._round(out.reshape(len(out), -1), rounded)

    def _round(self, x: Float32, rounded: Activations | None) -> None:
        if rounded is None:
            return
        if rounded.dtype == np.uint8:
            self.to_int8(x, rounded.view(np.uint8))
        else:
            self.to_bf16(x, rounded)


def _attend(query: Float64, keys: Float64, values: Float64, sinks: Float32) -> Float64:
    """query (heads, head_dim), already scaled; keys, values (seen, kv_heads, head_dim)."""
    kv_heads = keys.shape[1]
    grouped = query.reshape(kv_heads, -1, query.shape[-1])
    scores = np.matmul(grouped, keys.transpose(1, 2, 0))
    sink = sinks.astype(np.float64).reshape(kv_heads, -1, 1)
    # The sink can be the largest logit, so it takes part in the maximum.
    largest = np.maximum(scores.max(axis=-1, keepdims=True), sink)
    exponentials = np.exp(scores - largest)
    total = exponentials.sum(axis=-1, keepdims=True) + np.exp(sink - largest)
    attended: Float64 = np.matmul(exponentials / total, values.transpose(1, 0, 2))
    return attended.reshape(query.shape)


def _rows_by(x: Float64, weight: Float64, bias: Float32 | float) -> Float64:
    """x (rows, in) by the transpose of weight (out, in), plus bias."""
    product = np.empty((len(x), len(weight)))
    for row, values in zip(product, x, strict=True):
        np.matmul(weight, values, out=row)
    product += bias
    return product


def _groups(offsets: Int32) -> list[tuple[int, slice]]:
    """The experts that have entries, and which."""
    bounds = itertools.pairwise(offsets)
    return [(expert, slice(a, b)) for expert, (a, b) in enumerate(bounds) if b > a]
