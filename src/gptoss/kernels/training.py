"""What training computes beside the forward pass: products with transposed weights, and attention with its gradient.

A Protocol of its own, so that a device owes only inference. `TrainingBackend` has it in C++, and
`reference_training.TrainingBackend` in plain NumPy, which defines what is right. The rules of `gptoss.kernels` hold:
arrays are C-contiguous, `out` is overwritten and overlaps no input, and every element is summed in one order, whatever
its batch and the number of threads.
"""

from __future__ import annotations

from typing import Protocol

from gptoss.kernels.arrays import Activations, Bfloat16Bits, Bytes, Float32, Int32


class TrainingKernels(Protocol):
    """Gradients of the forward pass. Sums are float32; `d_` names the loss's gradient by what follows."""

    def mxfp4_transposed(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        blocks: Bytes,
        scales: Bytes,
        out: Float32,
    ) -> None:
        """For each entry, the product of one row of x with its expert's MXFP4 weights (out, in), not transposed.

        That makes the gradient of `mxfp4_matmul`'s inputs of the gradient of its outputs. The same packed weights are
        read, and decoded exactly.

        Shapes:
            x               (tokens, out) float32, or the bits of bfloat16
            rows            (entries) the row of x that an entry multiplies
            offsets         (experts + 1): expert e has the entries offsets[e] to offsets[e + 1]
            blocks, scales  as `Backend.pack_mxfp4` makes them, of as many experts
            out             (entries, in)
        """
        ...

    def int8_transposed(
        self, x: Float32, blocks: Bytes, scales: Bfloat16Bits, out: Float32, *, add: bool = False
    ) -> None:
        """x (tokens, out) times the weights (out, in) of `Backend.pack_int8`, to out (tokens, in) or added to it.

        x has the features of whole groups of 16; those that fill up the last one meet weights of zero.
        """
        ...

    def bf16_transposed(
        self, x: Float32, weight: Bfloat16Bits, out: Float32, *, add: bool = False
    ) -> None:
        """x (tokens, out) times weight (out, in) bfloat16, to out (tokens, in) or added to it."""
        ...

    def add_product(self, a: Float32, b: Float32, out: Float32) -> None:
        """Add a (rows, steps) times b (steps, columns) to out (rows, columns).

        `a` may have any strides, so be a transpose; rows of b and out may be parts of wider ones. Columns are a
        multiple of 16.
        """
        ...

    def swiglu_gradient(
        self, gate_up: Float32, d_out: Float32, d_gate_up: Float32, *, alpha: float, limit: float
    ) -> None:
        """The gradient of `Backend.swiglu`: of gate_up (rows, 2 * width), of that of its output (rows, width).

        It is zero beyond a limit, and not at it. d_gate_up may be gate_up itself.
        """
        ...

    def attention(
        self,
        qkv: Float32,
        starts: Int32,
        sinks: Float32,
        out: Float32,
        log_sums: Float32,
        *,
        window: int,
        scale: float,
    ) -> None:
        """Attend each query to the keys of its own sample up to its own, with one sink per head.

        Samples lie one after the other. A token's result is the same bit for bit whatever samples lie beside its own.

        Shapes:
            qkv       (tokens, heads + 2 * kv_heads, head_dim): queries, keys, values, the first two rotated; head_dim a
                      multiple of 16, at most 128
            starts    (samples + 1) where each sample begins, and the number of tokens; no sample is empty
            sinks     (heads) in units of the scaled scores
            out       (tokens, heads, head_dim)
            log_sums  (tokens, heads): the logarithm of the sum of the exponentials of scores and sink
        `window` counts the positions seen, the query's own included; 0 means all.
        """
        ...

    def attention_gradient(
        self,
        qkv: Float32,
        starts: Int32,
        sinks: Float32,
        out: Float32,
        log_sums: Float32,
        d_out: Float32,
        shares: Float32,
        d_qkv: Float32,
        d_sinks: Float32,
        *,
        window: int,
        scale: float,
    ) -> None:
        """The gradients of `attention`, of d_out (tokens, heads, head_dim), the gradient of its output.

        `out` and `log_sums` are what it made; shares (tokens, heads) receives their sum of d_out times out, d_qkv and
        d_sinks the gradients of qkv and sinks, of the same shapes.
        """
        ...
