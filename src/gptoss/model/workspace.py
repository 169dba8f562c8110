"""What every part of the forward pass computes with: kernels, precision and reused buffers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gptoss import kernels
from gptoss.kernels import INT8_BLOCK_BYTES, Activations, Float32, Int32, reference
from gptoss.model.encoded import EncodedMatrix
from gptoss.model.layouts import BLOCK_VALUES
from gptoss.model.precision import Precision
from gptoss.model.weights import ExpertProjection, Int8Matrix, Matrix, PackedExperts

Backend = kernels.Backend | reference.Backend

_CACHE_LINE = 64


class Workspace:
    """Kernels and named buffers that live from step to step, so that no step allocates.

    A buffer's content is the caller's until the next request for the same name. `num_grown` counts the times that a
    buffer was replaced by a larger one.
    """

    def __init__(self, backend: Backend, precision: Precision) -> None:
        self.backend = backend
        self.precision = precision
        self.num_grown = 0
        self._buffers: dict[str, NDArray[Any]] = {}
        self._numbers = np.arange(0, dtype=np.int32)

    def floats(self, name: str, *shape: int) -> Float32:
        """A float32 buffer of this shape, content undefined."""
        return self._take(name, shape, np.float32)

    def integers(self, name: str, *shape: int) -> Int32:
        """An int32 buffer of this shape, content undefined."""
        return self._take(name, shape, np.int32)

    def numbers(self, count: int) -> Int32:
        """0 to count - 1; not to be written to."""
        if len(self._numbers) < count:
            self._numbers = np.arange(count, dtype=np.int32)
            self.num_grown += 1
        return self._numbers[:count]

    def rounded(
        self, name: str, x: Float32, weight: Matrix | ExpertProjection
    ) -> Activations | None:
        """A buffer for x (rows, width) as an input of `weight`, rounded as the precision says; None: it is not."""
        rows, width = x.shape
        if self.precision is Precision.FLOAT32:
            return None
        if self.precision is Precision.INT8 and isinstance(weight, Int8Matrix | PackedExperts):
            num_bytes = width // BLOCK_VALUES * INT8_BLOCK_BYTES
            return self._take(f"{name} int8", (rows, num_bytes), np.uint8)
        return self._take(f"{name} bf16", (rows, width), self.backend.activation_dtype)

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
        elif isinstance(weight, EncodedMatrix):
            raise TypeError("a matrix in blocks cannot be multiplied; lay it out with `packing`")
        else:
            self.backend.matmul(x, weight, bias, out, add=add)

    def _take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = _empty_aligned(size, np.dtype(dtype))
            self.num_grown += 1
        return buffer[:size].reshape(shape)


def _empty_aligned(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """So many values from a cache line's beginning on: vectors that cross lines take two loads each."""
    raw = np.empty(size * dtype.itemsize + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    aligned: NDArray[Any] = raw[start : start + size * dtype.itemsize].view(dtype)
    return aligned
