"""Kernels, precision and reused buffers: products with frozen weights as they are held, and with their transposes."""

from __future__ import annotations

import numpy as np

from gptoss.kernels import GROUP, Activations, Backend, Float32, Int32, TrainingKernels
from gptoss.model.precision import Precision
from gptoss.model.weights import (
    Bf16Experts,
    ExpertProjection,
    Int8Matrix,
    Linear,
    Matrix,
    PackedExperts,
)
from gptoss.model.workspace import Workspace


class Arithmetic:
    """Products with weights and their transposes, and the buffers that all layers share.

    Args:
        backend, training: kernels of one machine.
        precision: what inputs of products with experts are rounded to, in both directions: `bf16` or `float32`; None
            takes what is faster on this processor. Other products are float32.

    Not for two threads at once: layers write to the same buffers.
    """

    def __init__(
        self, backend: Backend, training: TrainingKernels, precision: str | None = None
    ) -> None:
        has_pairs = backend.activation_dtype == np.uint16
        chosen = precision or (Precision.BF16 if has_pairs else Precision.FLOAT32)
        self.training = training
        self.workspace = Workspace(backend, Precision.parse(chosen))
        self._exact = Workspace(backend, Precision.FLOAT32)

    @property
    def backend(self) -> Backend:
        """The kernels of the forward pass."""
        backend = self.workspace.backend
        assert isinstance(backend, Backend)
        return backend

    @property
    def precision(self) -> Precision:
        """What inputs of products with experts are rounded to."""
        return self.workspace.precision

    def linear(self, x: Float32, linear: Linear, out: Float32) -> None:
        """x (tokens, in) by the transposed weight, plus bias, to out (tokens, out), columns of an array."""
        self._exact.multiply(x, linear.weight, linear.bias, out)

    def logits(self, x: Float32, head: Matrix, out: Float32) -> None:
        """x (tokens, in) by the transposed head."""
        self._exact.multiply(x, head, None, out)

    def transposed(self, d: Float32, weight: Matrix, out: Float32, *, add: bool) -> None:
        """d (tokens, out) by the weight, to out (tokens, in) or added to it; d may be columns of an array."""
        if isinstance(weight, Int8Matrix):
            padded = self.workspace.floats("padded", len(d), weight.blocks.shape[0] * GROUP)
            padded[:, : d.shape[1]] = d
            padded[:, d.shape[1] :] = 0
            self.training.int8_transposed(padded, weight.blocks, weight.scales, out, add=add)
        elif isinstance(weight, np.ndarray):
            self.training.bf16_transposed(self._contiguous(d), weight, out, add=add)
        else:
            raise TypeError("a matrix in blocks cannot be multiplied; lay it out with `packing`")

    def expert(self, x: Float32, weights: ExpertProjection, expert: int, out: Float32) -> None:
        """x (entries, in) by one expert's transposed weight, plus its bias."""
        one, rounded = slice(expert, expert + 1), self._rounded(x, weights)
        order, offsets = self._entries(len(x))
        backend = self.workspace.backend
        if isinstance(weights, PackedExperts):
            blocks, scales = weights.blocks[one], weights.scales[one]
            backend.mxfp4_matmul(rounded, order, offsets, blocks, scales, weights.bias[one], out)
        elif isinstance(weights, Bf16Experts):
            weight = weights.weight[one]
            backend.expert_matmul(rounded, order, offsets, weight, weights.bias[one], out)
        else:
            raise _not_laid_out()

    def expert_transposed(
        self, d: Float32, weights: ExpertProjection, expert: int, out: Float32
    ) -> None:
        """d (entries, out) by one expert's weight, to out (entries, in)."""
        one, rounded = slice(expert, expert + 1), self._rounded(d, weights)
        if isinstance(weights, PackedExperts):
            order, offsets = self._entries(len(d))
            blocks, scales = weights.blocks[one], weights.scales[one]
            self.training.mxfp4_transposed(rounded, order, offsets, blocks, scales, out)
        elif isinstance(weights, Bf16Experts):
            # In-features first is the transpose already.
            self.workspace.backend.matmul(rounded, weights.weight[expert], None, out)
        else:
            raise _not_laid_out()

    def _rounded(self, x: Float32, weights: ExpertProjection) -> Activations:
        out = self.workspace.rounded("products", x, weights)
        if out is None:
            return x
        self.workspace.backend.to_bf16(x, out)
        return out

    def _entries(self, count: int) -> tuple[Int32, Int32]:
        return self.workspace.numbers(count), np.array([0, count], np.int32)

    def _contiguous(self, d: Float32) -> Float32:
        if d.flags.c_contiguous:
            return d
        out = self.workspace.floats("contiguous", *d.shape)
        out[...] = d
        return out


def _not_laid_out() -> TypeError:
    return TypeError("experts as stored cannot be multiplied; lay them out with `packing`")
