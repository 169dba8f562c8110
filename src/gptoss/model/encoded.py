"""Weights in the blocks of GGUF files: views, which are decoded or laid out piece by piece, and never all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gptoss import kernels
from gptoss.files.gguf_blocks import decode
from gptoss.files.gguf_types import F16, F32, Q8_0, BlockType
from gptoss.kernels import Bfloat16Bits, Bytes, Float32, Int64, StoredMxfp4, reference
from gptoss.kernels.bf16 import float32_to_bf16

# Decoded at a time: what fits into a core's cache with what is made of it on the way.
_VALUES = 1 << 16


@dataclass(frozen=True)
class EncodedMatrix:
    """A matrix (out, in) whose rows are blocks of `kind`: `rows` has their bytes, (out, bytes)."""

    kind: BlockType
    rows: Bytes

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)."""
        return len(self.rows), self.rows.shape[1] // self.kind.num_bytes * self.kind.num_values

    @property
    def nbytes(self) -> int:
        """What it takes as it is."""
        return self.rows.nbytes

    def decode_to(
        self,
        out: Bfloat16Bits,
        rows: slice | Int64,
        backend: kernels.Backend | reference.Backend,
    ) -> None:
        """Some rows rounded to bfloat16: by a kernel where there is one for the type, else in NumPy."""
        if self.kind is Q8_0:
            backend.q8_0_to_bf16(self.rows[rows], out)
        elif self.kind is F16:
            backend.f16_to_bf16(self.rows[rows].view(np.uint16), out)
        elif self.kind is F32:
            backend.to_bf16(self.rows[rows].view(np.float32), out)
        else:
            out[...] = self[rows]

    def __getitem__(self, rows: slice | Int64) -> Bfloat16Bits:
        """Some rows rounded to bfloat16, in a new array."""
        taken, width = self.rows[rows], self.shape[1]
        out = np.empty((len(taken), width), np.uint16)
        step = max(1, _VALUES // width)
        for start in range(0, len(taken), step):
            piece = slice(start, start + step)
            out[piece] = float32_to_bf16(decode(self.kind, taken[piece]))
        return out


@dataclass(frozen=True)
class EncodedExperts:
    """One projection of all experts in MXFP4 blocks whose scale stands before their sixteen bytes.

    parts  (experts, out, in / 32, 17) each: one with all rows, or two whose rows take turns, which is how gate and up
           are wanted
    is_paired  whether a byte holds neighbours, as safetensors have them, or values sixteen apart, as ggml does
    """

    parts: tuple[Bytes, ...]
    is_paired: bool
    bias: Float32

    @property
    def shape(self) -> tuple[int, int, int]:
        """(experts, out, in / 32)."""
        experts, rows, blocks, _ = self.parts[0].shape
        return experts, rows * len(self.parts), blocks

    def stored(self, expert: int) -> StoredMxfp4:
        """One expert as the kernels take it, (1, out, in / 32)."""
        one = slice(expert, expert + 1)
        blocks = tuple(part[one, ..., 1:] for part in self.parts)
        return StoredMxfp4(blocks, tuple(part[one, ..., 0] for part in self.parts), self.is_paired)
