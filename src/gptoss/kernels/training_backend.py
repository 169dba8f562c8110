"""The training kernels in C++, on the threads of a backend."""

from __future__ import annotations

from gptoss.kernels.arrays import Activations, Bfloat16Bits, Bytes, Float32, Int32
from gptoss.kernels.backend import Backend


class TrainingBackend:
    """`gptoss.kernels.TrainingKernels` with the instruction set and threads of `backend`; see there for each method.

    A call uses all threads and releases the GIL; it waits for the backend's own calls, and these for it.
    """

    def __init__(self, backend: Backend) -> None:
        self._native = backend.training()

    def mxfp4_transposed(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        blocks: Bytes,
        scales: Bytes,
        out: Float32,
    ) -> None:
        """For each entry, the product of one row of x with its expert's MXFP4 weights (out, in), not transposed."""
        self._native.mxfp4_transposed(x, rows, offsets, blocks, scales, out)

    def int8_transposed(
        self, x: Float32, blocks: Bytes, scales: Bfloat16Bits, out: Float32, *, add: bool = False
    ) -> None:
        """x (tokens, out) times eight-bit weights (out, in)."""
        self._native.int8_transposed(x, blocks, scales, out, add=add)

    def bf16_transposed(
        self, x: Float32, weight: Bfloat16Bits, out: Float32, *, add: bool = False
    ) -> None:
        """x (tokens, out) times weight (out, in) bfloat16."""
        self._native.bf16_transposed(x, weight, out, add=add)

    def add_product(self, a: Float32, b: Float32, out: Float32) -> None:
        """Add a (rows, steps) times b (steps, columns) to out (rows, columns)."""
        self._native.add_product(a, b, out)

    def swiglu_gradient(
        self, gate_up: Float32, d_out: Float32, d_gate_up: Float32, *, alpha: float, limit: float
    ) -> None:
        """The gradient of gate_up, of that of `swiglu`'s output."""
        self._native.swiglu_gradient(gate_up, d_out, d_gate_up, alpha=alpha, limit=limit)

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
        """Attend each query to the keys of its own sample up to its own, with one sink per head."""
        self._native.attention(qkv, starts, sinks, out, log_sums, window=window, scale=scale)

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
        """The gradients of `attention`, of that of its output."""
        self._native.attention_gradient(
            qkv,
            starts,
            sinks,
            out,
            log_sums,
            d_out,
            shares,
            d_qkv,
            d_sinks,
            window=window,
            scale=scale,
        )
