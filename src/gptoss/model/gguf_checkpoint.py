"""Opens a GGUF file of gpt-oss as weights, and checks every tensor against the metadata.

Nothing is converted here but norms, biases, sinks and routers, which are small: matrices stay views of the mapped file,
in its blocks, until they are packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptoss.errors import CheckpointError
from gptoss.files.gguf import GgufFile, GgufTensor
from gptoss.files.gguf_blocks import can_decode, decode
from gptoss.files.gguf_parts import open_parts
from gptoss.files.gguf_types import BF16, F16, F32, MXFP4, MXFP4_PAIRS
from gptoss.files.gguf_values import ListValue
from gptoss.kernels import Bytes, Float32
from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.checkpoint_tensors import index_tensors, require_names, require_small_vectors
from gptoss.model.config import Config
from gptoss.model.encoded import EncodedExperts, EncodedMatrix
from gptoss.model.gguf_config import architecture_of, read_config
from gptoss.model.gguf_layouts import (
    GgufLayout,
    is_expert_part,
    is_vector_part,
    num_eager_bytes,
    recognise,
)
from gptoss.model.weights import (
    AttentionWeights,
    ExpertWeights,
    LayerWeights,
    Linear,
    ModelWeights,
    StoredMatrix,
)

_REMEDY = "get the file again, or another conversion of the model"
_TOKENS = "tokenizer.ggml.tokens"
_FLOATS = (F32, F16, BF16)
_PACKED = (MXFP4, MXFP4_PAIRS)


@dataclass(frozen=True)
class GgufModel:
    """An opened model: its dialect, its shape, its weights and the files that they lie in."""

    layout: GgufLayout
    config: Config
    weights: ModelWeights
    files: tuple[GgufFile, ...]


def open_gguf(path: Path) -> GgufModel:
    """Open the model that a file holds, or that it is one of several files of.

    Raises CheckpointError, or ConfigError for the metadata, when anything is missing, damaged, unexpected, or of
    another shape or type.
    """
    files = open_parts(path)
    first = files[0]
    holders = index_tensors(files)
    layout = recognise(holders.keys(), architecture_of(first))
    config = read_config(first, _num_rows(holders, layout, first))
    _check_tensors(holders, layout, config, first.path)
    weights = _Reader(holders, layout, config).read_model()
    return GgufModel(layout, config, weights, files)


def _num_rows(holders: Mapping[str, GgufFile], layout: GgufLayout, first: GgufFile) -> int:
    """Those of the embedding, of which the vocabulary must not have more tokens."""
    name = layout.name("embedding")
    if name not in holders:
        raise CheckpointError(
            f"{first.path} lacks the tensor {name}; get a file of the whole model, which may lie in several"
        )
    num_rows = holders[name].tensors[name].shape[0]
    tokens = first.metadata.get(_TOKENS)
    if isinstance(tokens, ListValue) and tokens.count > num_rows:
        raise CheckpointError(
            f"{first.path} has a vocabulary of {tokens.count} tokens and an embedding of {num_rows}; {_REMEDY}"
        )
    return num_rows


def _check_tensors(
    holders: Mapping[str, GgufFile], layout: GgufLayout, config: Config, path: Path
) -> None:
    """Every tensor is there, none more, each with its shape and a type that can be read."""
    shapes = layout.shapes(config)
    described = f"its metadata ({config.num_layers} layers, {layout.title})"
    require_names(path, described, list(shapes), holders)
    require_small_vectors(path, num_eager_bytes(config, layout), "its metadata")
    parts = {layout.name(part): part for part in layout.model_names} | {
        layout.name(part, layer): part
        for layer in range(config.num_layers)
        for part in layout.layer_names
    }
    for name, shape in shapes.items():
        tensor = holders[name].tensors[name]
        if tensor.shape != shape:
            raise CheckpointError(
                f"{holders[name].path}: tensor {name} is {list(tensor.shape)}, wanted {list(shape)} by the metadata; "
                f"{_REMEDY}"
            )
        _check_kind(holders[name], tensor, parts[name])
    kinds = {holders[n].tensors[n].kind.name for n, part in parts.items() if is_expert_part(part)}
    if len(kinds) > 1:
        raise CheckpointError(
            f"{path} has experts in {' and in '.join(sorted(kinds))}, wanted one of them; {_REMEDY}"
        )


def _check_kind(file: GgufFile, tensor: GgufTensor, part: str) -> None:
    remedy = _REMEDY
    if is_expert_part(part):
        is_known, wanted = tensor.kind in _PACKED, "MXFP4, as gpt-oss was released"
        remedy = "get a file whose experts were left in MXFP4"
    elif is_vector_part(part):
        is_known, wanted = tensor.kind in _FLOATS, "F32, F16 or BF16"
    else:
        is_known, wanted = can_decode(tensor.kind), "floats, Q2_K to Q8_0, IQ4_NL or IQ4_XS"
    if not is_known:
        raise CheckpointError(
            f"{file.path}: tensor {tensor.name} is {tensor.kind.name}, wanted {wanted}; {remedy}"
        )


class _Reader:
    """Assembles weights from checked tensors."""

    def __init__(self, holders: Mapping[str, GgufFile], layout: GgufLayout, config: Config) -> None:
        self._holders = holders
        self._layout = layout
        self._config = config

    def read_model(self) -> ModelWeights:
        return ModelWeights(
            embedding=self._matrix("embedding"),
            layers=tuple(self._layer(layer) for layer in range(self._config.num_layers)),
            norm=self._floats("norm"),
            head=self._matrix("head"),
        )

    def _layer(self, layer: int) -> LayerWeights:
        parts = ("qkv",) if self._layout.is_fused else ("query", "key", "value")
        attention = AttentionWeights(
            norm=self._floats("attention.norm", layer),
            qkv=tuple(self._linear(part, layer) for part in parts),
            output=self._linear("output", layer),
            sinks=self._floats("sinks", layer),
        )
        # A router is small, and read by every token as it is.
        router = float32_to_bf16(self._floats("router.weight", layer))
        experts = ExpertWeights(
            norm=self._floats("experts.norm", layer),
            router=Linear(router, self._floats("router.bias", layer)),
            gate_up=self._gate_up(layer),
            down=self._experts(
                (self._blocks("down.weight", layer),),
                self._floats("down.bias", layer),
                "down",
                layer,
            ),
        )
        return LayerWeights(attention, experts)

    def _gate_up(self, layer: int) -> EncodedExperts:
        """Gate and up in turn, however they lie in the file."""
        if not self._layout.has_gate_up:
            blocks = tuple(self._blocks(f"{part}.weight", layer) for part in ("gate", "up"))
            bias = [self._floats(f"{part}.bias", layer) for part in ("gate", "up")]
            return self._experts(blocks, _in_turn(bias), "gate", layer)
        fused, bias_of_both = (
            self._blocks("gate_up.weight", layer),
            self._floats("gate_up.bias", layer),
        )
        if self._layout.takes_turns:
            return self._experts((fused,), bias_of_both, "gate_up", layer)
        inner = self._config.intermediate_size
        halves = (slice(None, inner), slice(inner, None))
        return self._experts(
            tuple(fused[:, half] for half in halves),
            _in_turn([bias_of_both[:, half] for half in halves]),
            "gate_up",
            layer,
        )

    def _experts(
        self, parts: tuple[Bytes, ...], bias: Float32, part: str, layer: int
    ) -> EncodedExperts:
        is_paired = self._tensor(f"{part}.weight", layer).kind is MXFP4_PAIRS
        return EncodedExperts(parts, is_paired, bias)

    def _blocks(self, part: str, layer: int) -> Bytes:
        """(experts, out, in / 32, 17)."""
        rows = self._read(part, layer)
        return rows.reshape(*rows.shape[:-1], -1, MXFP4.num_bytes)

    def _linear(self, part: str, layer: int) -> Linear:
        return Linear(self._matrix(f"{part}.weight", layer), self._floats(f"{part}.bias", layer))

    def _matrix(self, part: str, layer: int | None = None) -> StoredMatrix:
        """What is bfloat16 in the file is read where it lies; the rest is decoded when it is packed."""
        rows, kind = self._read(part, layer), self._tensor(part, layer).kind
        return rows.view(np.uint16) if kind is BF16 else EncodedMatrix(kind, rows)

    def _floats(self, part: str, layer: int | None = None) -> Float32:
        return decode(self._tensor(part, layer).kind, self._read(part, layer))

    def _read(self, part: str, layer: int | None) -> Bytes:
        name = self._layout.name(part, layer)
        return self._holders[name].read(name)

    def _tensor(self, part: str, layer: int | None) -> GgufTensor:
        name = self._layout.name(part, layer)
        return self._holders[name].tensors[name]


def _in_turn(parts: list[Float32]) -> Float32:
    """(experts, 2 n) of two (experts, n) whose columns take turns."""
    return np.stack(parts, axis=-1).reshape(len(parts[0]), -1)
