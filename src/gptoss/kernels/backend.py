"""The kernels as Python calls them: each method hands its arrays to the C++ module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels import _kernels
from gptoss.kernels.arrays import (
    Activations,
    Bfloat16Bits,
    Bytes,
    Float32,
    Int32,
    Int64,
    StoredMxfp4,
)
from gptoss.kernels.machine import choose_bf16_pairs, choose_isa, choose_threads


class Recording:
    """Calls of a backend on arrays that it keeps; `replay` makes them again, in one call without the interpreter."""

    def __init__(self, backend: _kernels.Backend, calls: _kernels.Recording) -> None:
        self._backend = backend
        self._calls = calls

    def replay(self) -> None:
        """Make the calls again, in order. Raises ValueError where an array's values make one impossible."""
        self._calls.replay()


class Backend:
    """The kernels of one instruction set over one pool of threads.

    Args:
        isa: a name of `isas()`; None takes the environment variable GPTOSS_ISA, else the best.
        threads: at least 1, the caller's included; None takes the cores that this process may use.
        bf16_pairs: whether bfloat16 is multiplied in pairs, of `bf16_pairs(isa)`, or the same values as floats; None
            takes the environment variable GPTOSS_BF16_PAIRS, `on` or `off`, else what is faster on this processor.

    Raises KernelError for an instruction set, pairs or a thread count that this machine cannot run.
    A call uses all threads and releases the GIL; concurrent calls wait for each other.
    """

    def __init__(
        self,
        *,
        isa: str | None = None,
        threads: int | None = None,
        bf16_pairs: bool | None = None,
    ) -> None:
        name = choose_isa(isa)
        self._native = _kernels.Backend(
            isa=name,
            threads=choose_threads(threads),
            bf16_pairs=choose_bf16_pairs(name, bf16_pairs),
        )

    @property
    def isa(self) -> str:
        """The instruction set in use."""
        return self._native.isa

    @property
    def threads(self) -> int:
        """The number of threads in use, the caller's included."""
        return self._native.threads

    @property
    def bf16_pairs(self) -> bool:
        """Whether bfloat16 is multiplied in pairs. Results with and without differ by rounding."""
        return self._native.bf16_pairs

    def training(self) -> _kernels.Training:
        """The training kernels of the same instruction set, on the same threads; `TrainingBackend` documents them."""
        return self._native.training()

    @contextmanager
    def record(self) -> Iterator[Recording]:
        """Within the block, also record this backend's calls, of one thread alone.

        A replay makes the same calls on the same arrays, whatever these hold by then. `read_words` and `multiply` are
        not recorded.
        """
        recording = _kernels.Recording()
        self._native.record(recording)
        try:
            yield Recording(self._native, recording)
        finally:
            self._native.record(None)

    @property
    def activation_dtype(self) -> np.dtype[Any]:
        """What products take bfloat16 activations as, for speed: its bits (uint16), or the same values as float32."""
        return np.dtype(np.uint16 if self.bf16_pairs else np.float32)

    def attention_dtype(self, pages: Activations, head_dim: int) -> np.dtype[Any]:
        """What `attention` rounds queries and softmax weights to before it multiplies them with such pages.

        bfloat16 bits (uint16) or whole numbers (int16), as `attention` says; float32: they are not rounded.
        """
        if pages.dtype == np.uint8:
            return np.dtype(np.int16)
        page_size = pages.shape[-1] // head_dim
        is_rounded = pages.dtype == np.uint16 and self._native.attends_in_pairs(page_size, head_dim)
        return np.dtype(np.uint16 if is_rounded else np.float32)

    def to_bf16(self, x: Float32, out: Activations) -> None:
        """Round x (rows, width) to bfloat16: to nearest, ties to even; NaN stays NaN.

        out takes its bits (uint16), or the rounded values (float32).
        """
        self._native.to_bf16(x, out)

    def rms_norm(
        self,
        x: Float32,
        weight: Float32,
        out: Float32,
        *,
        eps: float,
        rounded: Activations | None = None,
    ) -> None:
        """x / sqrt(mean(x^2) + eps) * weight, for each row of x (tokens, width)."""
        self._native.rms_norm(x, weight, out, eps=eps, rounded=rounded)

    def to_int8(self, x: Float32, out: Bytes) -> None:
        """Round x (rows, width) to eight bits by blocks of 32: the largest magnitude of each becomes 127.

        out (rows, width / 32 * INT8_BLOCK_BYTES). To nearest, ties to even; a block that is not finite gets the scale
        NaN, one below 1e-30 becomes zero.
        """
        self._native.to_int8(x, out)

    def f16_to_bf16(self, x: Bfloat16Bits, out: Bfloat16Bits) -> None:
        """Round x (rows, width), the bits of half-precision numbers, as `to_bf16` does."""
        self._native.f16_to_bf16(x, out)

    def q8_0_to_bf16(self, blocks: Bytes, out: Bfloat16Bits) -> None:
        """Round ggml's blocks of Q8_0 (rows, width / 32 * Q8_0_BLOCK_BYTES) to out (rows, width), as `to_bf16` does."""
        self._native.q8_0_to_bf16(blocks, out)

    def pack_mxfp4(self, stored: StoredMxfp4, out: Bytes, out_scales: Bytes) -> None:
        """Lay out MXFP4 weights for `mxfp4_matmul`: sixteen features side by side, so that a product needs no sums
        across lanes and reads memory in long stretches. No value changes, no byte is added.

        Shapes, for as many features (out) as `stored` has rows in all, a multiple of 16:
            out         (experts, out / 16, in / 32, MXFP4_GROUP_BYTES)
            out_scales  (experts, out / 16, in / 32, 16)
        cpp/kernels.h says where each value goes.
        """
        self._native.pack_mxfp4(stored.blocks, stored.scales, stored.is_paired, out, out_scales)

    def pack_int8(self, weight: Bfloat16Bits, out: Bytes, scales: Bfloat16Bits) -> None:
        """Round weight (out, in) bfloat16 to eight bits by blocks of 32 inputs, laid out for `int8_matmul`.

        The scale is the bfloat16 at or above the block's largest magnitude / 127.

        Shapes:
            out     (ceil(out / 16), in / 32, INT8_GROUP_BYTES) value + 128; the last group is filled up with zeros
            scales  (ceil(out / 16), in / 32, 16) bfloat16
        """
        self._native.pack_int8(weight, out, scales)

    def matmul(
        self,
        x: Activations,
        weight: Bfloat16Bits,
        bias: Float32 | None,
        out: Float32,
        *,
        add: bool = False,
    ) -> None:
        """x times the transposed weight, plus bias, summed in float32; `add` adds it to out.

        Shapes:
            x       (tokens, in) act; in is a multiple of 32
            weight  (out, in) bfloat16
            bias    (out) or None
            out     (tokens, out)
        """
        self._native.matmul(x, weight, bias, out, add=add)

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
        """As `matmul`, with the weights of `pack_int8`.

        With eight-bit x, the sum within a block of 32 inputs is exact in whole numbers.
        """
        self._native.int8_matmul(x, blocks, scales, bias, out, add=add)

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
        """For each entry, the product of one row of x with its expert's MXFP4 weights.

        Entries are sorted by expert: those of expert e are offsets[e] to offsets[e + 1]. Packed weights are decoded
        in registers or into the cache, exactly.

        Shapes:
            x               (tokens, in) act
            rows            (entries) the row of x that an entry multiplies
            offsets         (experts + 1)
            blocks, scales  as `pack_mxfp4` makes them
            bias            (experts, out)
            out             (entries, out)
        """
        self._native.mxfp4_matmul(x, rows, offsets, blocks, scales, bias, out)

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
        """`swiglu` of `mxfp4_matmul`, in one pass: out (entries, out / 2)."""
        self._native.mxfp4_swiglu(
            x,
            rows,
            offsets,
            blocks,
            scales,
            bias,
            out,
            alpha=alpha,
            limit=limit,
            rounded=rounded,
        )

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
        """`mxfp4_matmul` to expert_out, and `combine` of that to out; in one pass where entries are few."""
        self._native.mxfp4_combine(
            x, rows, offsets, blocks, scales, bias, expert_out, entries, weights, out
        )

    def expert_matmul(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        weight: Bfloat16Bits,
        bias: Float32,
        out: Float32,
    ) -> None:
        """As `mxfp4_matmul`, with bfloat16 weight (experts, in, out), in-features first; no eight-bit x."""
        self._native.expert_matmul(x, rows, offsets, weight, bias, out)

    def swiglu(
        self,
        gate_up: Float32,
        out: Float32,
        *,
        alpha: float,
        limit: float,
        rounded: Activations | None = None,
    ) -> None:
        """gate * sigmoid(alpha * gate) * (up + 1), of gate_up (rows, 2 * width), to out (rows, width).

        Gate and up are interleaved; gate is clamped above at `limit`, up to -limit and limit.
        """
        self._native.swiglu(gate_up, out, alpha=alpha, limit=limit, rounded=rounded)

    def route(self, logits: Float32, expert_ids: Int32, weights: Float32) -> None:
        """The k largest of logits (tokens, experts), ties to the lower id, and the softmax over them.

        expert_ids (tokens, k), largest first; weights (tokens, k).
        """
        self._native.route(logits, expert_ids, weights)

    def assign(self, expert_ids: Int32, rows: Int32, offsets: Int32, entries: Int32) -> None:
        """Sort choices by expert, those of one by token: each becomes an entry.

        Shapes:
            expert_ids  (tokens, k)
            rows        (tokens * k) an entry's token
            offsets     (experts + 1): expert e has the entries offsets[e] to offsets[e + 1]
            entries     (tokens, k) the entry that a choice became
        """
        self._native.assign(expert_ids, rows, offsets, entries)

    def combine(self, expert_out: Float32, entries: Int32, weights: Float32, out: Float32) -> None:
        """Add to out (tokens, width) the weighted sum of expert_out (entries, width).

        entries (tokens, k) names the rows of expert_out, weights (tokens, k) their factors; summed in that order.
        """
        self._native.combine(expert_out, entries, weights, out)

    def rope_store(
        self, qkv: Float32, cos: Float32, sin: Float32, pages: Activations, slots: Int64
    ) -> None:
        """Rotate new queries and keys in place, and write keys and values to the cache.

        Value i of a head pairs with i + head_dim / 2. bfloat16 pages round to nearest, ties to even. So do uint8
        pages, the largest magnitude of a head's key or value as 127; one that is not finite gets the scale NaN, one
        below 1e-30 becomes zero.

        Shapes:
            qkv       (tokens, heads + 2 * kv_heads, head_dim): queries, keys, values
            cos, sin  (tokens, head_dim / 2) of each token's position
            pages     (pages, 2, kv_heads, page_size * head_dim) float32 or bfloat16: a head's keys in a page are
                      (head_dim, page_size), its values (page_size, head_dim). Or uint8, page_size * (head_dim +
                      INT8_CACHE_SCALE_BYTES): signed bytes, keys (head_dim / 2, page_size, 2) and values
                      (page_size / 2, head_dim, 2), then float32 scales (page_size)
            slots     (tokens) = page * page_size + offset
        """
        self._native.rope_store(qkv, cos, sin, pages, slots)

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
        """Attend each query to the cached keys of its own sequence, with one sink per head.

        The sink joins the softmax as one more logit and contributes no value, so the visible keys' weights sum to
        less than one. The query's own key is already stored.

        Sums are float32. With `bf16_pairs`, and bfloat16 pages whose page_size and head_dim are multiples of 32,
        queries and softmax weights are rounded to bfloat16: a weight is off by 2^-8 of itself at most. With eight-bit
        pages products are whole numbers and their sums exact: queries are rounded to 16 bits by their largest
        magnitude, weights times scales of values by the largest weight and scale of each 128 positions. A value is off
        by 2^-16 of the largest weight times the largest value of these at most.

        Shapes:
            query           (tokens, any, head_dim), of which the first `heads` are queries
            pages           as in `rope_store`; page_size 16, 32 or 64, head_dim a multiple of 16, at most 128
            page_table      (sequences, max_pages); entry i holds positions i * page_size and on, -1 = absent
            sequence_index  (tokens) the row of page_table
            positions       (tokens)
            sinks           (heads) in units of the scaled scores
            out             (tokens, heads, head_dim)
        `window` counts the positions seen, the query's own included; 0 means all. Rows of `rounded` are tokens.
        Source: openai/gpt-oss torch/model.py, `sdpa`.
        """
        self._native.attention(
            query,
            pages,
            page_table,
            sequence_index,
            positions,
            sinks,
            out,
            window=window,
            scale=scale,
            rounded=rounded,
        )

    def read_words(self, words: NDArray[np.uint64]) -> int:
        """The sum of words (n), modulo 2^64, as fast as memory gives them: the bound of what only reads weights."""
        return self._native.read_words(words)

    def multiply(self, rounds: int, *, inputs: str) -> float:
        """Multiply in registers for so many rounds on each thread; how many operations that was, additions counted.

        `inputs` is float32, bfloat16 or int8: the product that such activations have. The bound of what only computes.
        """
        return self._native.multiply(rounds, inputs=inputs)
