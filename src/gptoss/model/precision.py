"""How activations are kept: the two computing precisions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from gptoss.errors import RequestError


class Precision(StrEnum):
    """What matrix inputs and the KV cache are rounded to; sums are float32 in both."""

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
        """The array type of a rounded activation: uint16 holds bfloat16 bits."""
        return np.dtype(np.uint16 if self is Precision.BF16 else np.float32)
