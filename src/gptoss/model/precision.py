"""How activations, and keys and values, are kept."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from gptoss.errors import RequestError
from gptoss.kernels import INT8_CACHE_SCALE_BYTES


class Precision(StrEnum):
    """What matrix inputs are rounded to; sums are float32 in all.

    `int8` rounds the inputs of packed matrices (the experts, and others if they are in eight bits) to eight bits by
    blocks of 32, and is `bf16` elsewhere. The KV cache is bfloat16 in both, float32 in `float32`.
    """

    INT8 = "int8"
    BF16 = "bf16"
    FLOAT32 = "float32"

    @classmethod
    def parse(cls, name: str) -> Precision:
        """The precision of that name. Raises RequestError for another."""
        try:
            return cls(name)
        except ValueError:
            raise RequestError(f"got precision {name!r}; wanted one of {', '.join(cls)}") from None


class CacheType(StrEnum):
    """How keys and values are kept. `int8` has a scale for every token of every head."""

    INT8 = "int8"
    BF16 = "bf16"
    FLOAT32 = "float32"

    @classmethod
    def parse(cls, name: str) -> CacheType:
        """The type of that name. Raises RequestError for another."""
        try:
            return cls(name)
        except ValueError:
            raise RequestError(
                f"got KV cache type {name!r}; wanted one of {', '.join(cls)}"
            ) from None

    @classmethod
    def of(cls, precision: Precision) -> CacheType:
        """What a model at this precision has by default."""
        return cls.FLOAT32 if precision is Precision.FLOAT32 else cls.BF16

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array type of pages: uint16 holds bfloat16 bits, uint8 bytes with their scales."""
        return np.dtype({"int8": np.uint8, "bf16": np.uint16, "float32": np.float32}[self])

    def row_width(self, head_dim: int) -> int:
        """Array values of one token's keys, or values, of one head."""
        return head_dim + INT8_CACHE_SCALE_BYTES if self is CacheType.INT8 else head_dim
