"""Values of tensors, looked at in pieces as they are read: what is not finite, scales out of range, all zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.files.gguf import GgufFile, GgufTensor
from gptoss.files.gguf_blocks import can_decode, decode
from gptoss.files.gguf_types import BF16, F16, F32, MXFP4, MXFP4_PAIRS, BlockType
from gptoss.model.packing import LARGEST_SCALE
from gptoss.model.safetensors import DTYPES, SafetensorsFile

# A bfloat16 with all of these bits is infinite or no number.
_BF16_EXPONENT = 0x7F80
_FLOATS = ("F16", "F32", "F64")


@dataclass(slots=True)
class Values:
    """One tensor: where its bytes lie in its file, and what was seen of them so far.

    kind   how they are stored
    unit   bytes that belong together: pieces are whole numbers of them
    """

    name: str
    start: int
    end: int
    kind: str | BlockType
    unit: int
    may_be_zero: bool
    num_bad: int = 0
    is_zero: bool = True

    def look(self, piece: bytes) -> None:
        """Look at the next bytes."""
        data = np.frombuffer(piece, np.uint8)
        self.is_zero = self.is_zero and not data.any()
        self.num_bad += _num_bad(self.kind, data)

    def problem(self) -> str | None:
        """What is wrong with its values; None where nothing is."""
        if self.num_bad:
            is_scale = self.kind in ("scales", MXFP4, MXFP4_PAIRS)
            one, more = (
                (f"scale above {LARGEST_SCALE}", f"scales above {LARGEST_SCALE}")
                if is_scale
                else ("value that is no number", "values that are no numbers")
            )
            return f"{self.name} has {self.num_bad:,} {one if self.num_bad == 1 else more}"
        if self.is_zero and not self.may_be_zero and self.end > self.start:
            return f"{self.name} is all zeros, as a download that was cut leaves it"
        return None


def values_of(file: SafetensorsFile | GgufFile) -> list[Values]:
    """The tensors of a file in the order of their bytes."""
    if isinstance(file, GgufFile):
        found = [_of_gguf(tensor) for tensor in file.tensors.values()]
    else:
        found = [_of_safetensors(file, name) for name in file.tensors]
    return sorted(found, key=lambda values: values.start)


def _of_safetensors(file: SafetensorsFile, name: str) -> Values:
    spec, start = file.tensors[name], file.start_of(name)
    kind = "scales" if spec.dtype == "U8" and name.endswith("scales") else spec.dtype
    unit = DTYPES[spec.dtype].itemsize
    return Values(name, start, start + spec.num_bytes, kind, unit, _may_be_zero(name, spec.shape))


def _of_gguf(tensor: GgufTensor) -> Values:
    end = tensor.start + tensor.num_bytes
    may_be_zero = _may_be_zero(tensor.name, tensor.shape)
    return Values(tensor.name, tensor.start, end, tensor.kind, tensor.kind.num_bytes, may_be_zero)


def _may_be_zero(name: str, shape: tuple[int, ...]) -> bool:
    """Matrices and norms of no model are; biases and sinks may be."""
    return name.endswith("bias") or (len(shape) < 2 and "norm" not in name)


def _num_bad(kind: str | BlockType, data: NDArray[np.uint8]) -> int:
    if kind == "scales":
        return int(np.count_nonzero(data > LARGEST_SCALE))
    if kind in (MXFP4, MXFP4_PAIRS):
        return int(np.count_nonzero(data[:: MXFP4.num_bytes] > LARGEST_SCALE))
    if kind in ("BF16", BF16):
        bits = data.view("<u2") & _BF16_EXPONENT
        return int(np.count_nonzero(bits == _BF16_EXPONENT))
    values: NDArray[Any]
    if isinstance(kind, BlockType):
        if not can_decode(kind):
            return 0
        values = (
            data.view({F32: "<f4", F16: "<f2"}[kind]) if kind in (F32, F16) else decode(kind, data)
        )
    elif kind in _FLOATS:
        values = data.view(DTYPES[kind])
    else:
        return 0
    return values.size - int(np.count_nonzero(np.isfinite(values)))
