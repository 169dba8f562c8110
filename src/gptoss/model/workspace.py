"""What every part of the forward pass computes with: kernels, precision and reused buffers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gptoss import kernels
from gptoss.kernels import INT8_BLOCK_BYTES, Activations, Float32, reference
from gptoss.model.layouts import BLOCK_VALUES
from gptoss.model.precision import Precision
from gptoss.model.weights import ExpertProjection, Int8Matrix, Matrix, PackedExperts

Backend = kernels.Backend | reference.Backend

_CACHE_LINE = 64


class Workspace:
    """Kernels and named buffers that live from step to step, so that no step allocates.

    A buffer's content is the caller's until the next request for the same name.
    """

    def __init__(self, backend: Backend, precision: Precision) -> None:
        self.backend = backend
        self.precision = precision
        self._buffers: dict[str, NDArray[Any]] = {}

    def floats(self, name: str, *shape: int) -> Float32:
        """A float32 buffer of this shape, content undefined."""
        return self._take(name, shape, np.float32)

    def activation(self, name: str, x: Float32, weight: Matrix | ExpertProjection) -> Activations:
        """x (rows, width) as an input of `weight`: rounded as the precision says."""
        if self.precision is Precision.FLOAT32:
            return x
        if self.precision is Precision.INT8 and isinstance(weight, Int8Matrix | PackedExperts):
            width = x.shape[1] // BLOCK_VALUES * INT8_BLOCK_BYTES
            blocks = self._take(f"{name} int8", (len(x), width), np.uint8)
            self.backend.to_int8(x, blocks)
            return blocks
        rounded = self._take(f"{name} bf16", x.shape, self.backend.activation_dtype)
        self.backend.to_bf16(x, rounded)
        return rounded

    def multiply(
        self,
        x: Activations,
        weight: Matrix,
        bias: Float32 | None,
        out: Float32,
        *,
        add: bool = False,
    ) -> None:
        """x by the transposed weight, plus bias, to out, or added to it."""
        if isinstance(weight, Int8Matrix):
            self.backend.int8_matmul(x, weight.blocks, weight.scales, bias, out, add=add)
        else:
            self.backend.matmul(x, weight, bias, out, add=add)

    def _take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = _empty_aligned(size, np.dtype(dtype))
        return buffer[:size].reshape(shape)


def _empty_aligned(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """So many values from a cache line's beginning on: vectors that cross lines take two loads each."""
    raw = np.empty(size * dtype.itemsize + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    aligned: NDArray[Any] = raw[start : start + size * dtype.itemsize].view(dtype)
    return aligned
