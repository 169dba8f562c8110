"""The arrays of a model in memory, as checkpoints store them or laid out for the kernels; small vectors are float32."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.kernels import Bfloat16Bits, Bytes, Float32, StoredMxfp4
from gptoss.model.encoded import EncodedExperts, EncodedMatrix


@dataclass(frozen=True)
class Int8Matrix:
    """A matrix (num_rows, in) in eight bits; `gptoss.kernels.Backend.pack_int8` has the shapes."""

    blocks: Bytes
    scales: Bfloat16Bits
    num_rows: int


# Encoded ones are for packing, and for an embedding, of which a token reads one row.
StoredMatrix = Bfloat16Bits | EncodedMatrix
Matrix = StoredMatrix | Int8Matrix


@dataclass(frozen=True)
class Linear:
    """weight (out, in) bfloat16 bits, encoded, or eight bits; bias (out)."""

    weight: Matrix
    bias: Float32


@dataclass(frozen=True)
class Mxfp4Experts:
    """One projection of all experts, as checkpoints store it.

    blocks (experts, out, in / 32, 16); scales (experts, out, in / 32); bias (experts, out).
    """

    blocks: Bytes
    scales: Bytes
    bias: Float32

    @property
    def shape(self) -> tuple[int, int, int]:
        """(experts, out, in / 32)."""
        experts, rows, blocks = self.scales.shape
        return experts, rows, blocks

    def stored(self, expert: int) -> StoredMxfp4:
        """One expert as the kernels take it, (1, out, in / 32)."""
        one = slice(expert, expert + 1)
        return StoredMxfp4((self.blocks[one],), (self.scales[one],))


@dataclass(frozen=True)
class PackedExperts:
    """The same laid out for the kernels: `gptoss.kernels.Backend.pack_mxfp4` has the shapes."""

    blocks: Bytes
    scales: Bytes
    bias: Float32


@dataclass(frozen=True)
class Bf16Experts:
    """One projection of all experts, in-features first.

    weight (experts, in, out) bfloat16 bits; bias (experts, out).
    """

    weight: Bfloat16Bits
    bias: Float32


StoredExperts = Mxfp4Experts | EncodedExperts
ExpertProjection = StoredExperts | PackedExperts | Bf16Experts


@dataclass(frozen=True)
class AttentionWeights:
    """One layer's attention: norm (hidden); sinks (heads), in units of the scaled scores.

    The outputs of `qkv`, side by side, are queries, keys and values: one projection for each, or one for all.
    """

    norm: Float32
    qkv: tuple[Linear, ...]
    output: Linear
    sinks: Float32


@dataclass(frozen=True)
class ExpertWeights:
    """One layer's mixture of experts: norm (hidden); gate and up interleaved in `gate_up`."""

    norm: Float32
    router: Linear
    gate_up: ExpertProjection
    down: ExpertProjection


@dataclass(frozen=True)
class LayerWeights:
    """One layer: attention, then experts."""

    attention: AttentionWeights
    experts: ExpertWeights


@dataclass(frozen=True)
class ModelWeights:
    """All of a model: embedding and head (vocabulary, hidden), the latter in eight bits as well; norm (hidden)."""

    embedding: StoredMatrix
    layers: tuple[LayerWeights, ...]
    norm: Float32
    head: Matrix
