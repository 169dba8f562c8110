"""The arrays of a model in memory. Matrices are views of the files; small vectors are float32."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.kernels import Bfloat16Bits, Bytes, Float32


@dataclass(frozen=True)
class Linear:
    """weight (out, in) bfloat16 bits; bias (out)."""

    weight: Bfloat16Bits
    bias: Float32


@dataclass(frozen=True)
class Mxfp4Experts:
    """One projection of all experts, packed.

    blocks (experts, out, in / 32, 16); scales (experts, out, in / 32); bias (experts, out).
    """

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


ExpertProjection = Mxfp4Experts | Bf16Experts


@dataclass(frozen=True)
class AttentionWeights:
    """One layer's attention: norm (hidden); sinks (heads), in units of the scaled scores."""

    norm: Float32
    query: Linear
    key: Linear
    value: Linear
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
    """All of a model: embedding and head (vocabulary, hidden) bfloat16 bits; norm (hidden)."""

    embedding: Bfloat16Bits
    layers: tuple[LayerWeights, ...]
    norm: Float32
    head: Bfloat16Bits
