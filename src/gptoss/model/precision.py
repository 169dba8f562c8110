"""How activations are kept: the computing precisions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from gptoss.errors import RequestError


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

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array type of the KV cache: uint16 holds bfloat16 bits."""
        return np.dtype(np.float32 if self is Precision.FLOAT32 else np.uint16)
