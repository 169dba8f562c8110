"""Opens a folder of weights in any of the three layouts, or a GGUF file, and checks every tensor against the config.

Nothing is converted: matrices stay in the memory-mapped files, so opening takes no time and pages
are shared between processes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError
from gptoss.files.gguf import SUFFIX, GgufFile, is_gguf
from gptoss.kernels import Float32
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint_files import find_shards, locate
from gptoss.model.checkpoint_tensors import index_tensors, require_names, require_small_vectors
from gptoss.model.config import Config, ExpertFormat
from gptoss.model.gguf_checkpoint import open_gguf
from gptoss.model.layouts import BF16, ORIGINAL, PACKED, Layout, dtypes_read, is_vector, layout_of
from gptoss.model.safetensors import SafetensorsFile
from gptoss.model.weights import (
    AttentionWeights,
    Bf16Experts,
    ExpertProjection,
    ExpertWeights,
    LayerWeights,
    Linear,
    ModelWeights,
    Mxfp4Experts,
)


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: where it lies, a folder or a GGUF file; its shape and its weights."""

    path: Path
    layout: Layout
    config: Config
    weights: ModelWeights
    num_bytes: int
    files: tuple[SafetensorsFile, ...] | tuple[GgufFile, ...]

    @property
    def location(self) -> Path:
        """The whole path, links followed, but not a file's own: hubs keep files as links to names that say nothing."""
        if self.path.is_dir():
            return self.path.resolve()
        return self.path.parent.resolve() / self.path.name


def open_checkpoint(path: str | Path) -> Checkpoint:
    """Open a folder in the released, the `original/` or the bfloat16 layout, or a GGUF file.

    Takes the folder itself or one that holds `original/`; of a model in several GGUF files any one. Raises ConfigError
    or CheckpointError when anything is missing, damaged, of another shape or dtype, or unexpected.
    """
    path = Path(path)
    try:
        if not path.is_dir() and (path.suffix == SUFFIX or (path.is_file() and is_gguf(path))):
            return _open_gguf(path)
        found = locate(path)
        paths = find_shards(found)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror or error}; wanted the folder of a checkpoint, or a GGUF file"
        ) from None
    config = Config.from_file(found / "config.json")
    files = [SafetensorsFile(shard) for shard in paths]
    holders = index_tensors(files)
    layout = _recognise(holders, config, found)
    _check_tensors(holders, layout, config, found)
    weights = _Reader(holders, layout, config).read_model()
    num_bytes = sum(spec.num_bytes for file in files for spec in file.tensors.values())
    return Checkpoint(found, layout, config, weights, num_bytes, tuple(files))


def _open_gguf(path: Path) -> Checkpoint:
    model = open_gguf(path)
    num_bytes = sum(tensor.num_bytes for file in model.files for tensor in file.tensors.values())
    return Checkpoint(path, model.layout, model.config, model.weights, num_bytes, model.files)


def _recognise(names: Iterable[str], config: Config, directory: Path) -> Layout:
    """The layout by the names found, which the configuration must agree with."""
    names = set(names)
    if ORIGINAL.name("embedding") in names:
        return ORIGINAL
    stored = BF16 if BF16.name("gate_up.weight", 0) in names else PACKED
    if stored is BF16 and config.expert_format is ExpertFormat.MXFP4:
        raise CheckpointError(
            f"{directory} holds bfloat16 experts and its config.json announces mxfp4; remove "
            "quantization_config from config.json, or get the packed weights"
        )
    packed_found = PACKED.name("gate_up.blocks", 0) in names
    if packed_found and config.expert_format is ExpertFormat.BF16:
        raise CheckpointError(
            f"{directory} holds MXFP4 experts and its config.json has no quantization_config; "
            "take the config.json that was published with the weights"
        )
    return layout_of(config)


def _check_tensors(
    holders: Mapping[str, SafetensorsFile], layout: Layout, config: Config, directory: Path
) -> None:
    """Every tensor is there, none more, each with its shape and dtype."""
    specs = layout.specs(config)
    described = f"its config.json ({config.num_layers} layers, {layout.title})"
    require_names(directory, described, [spec.name for spec in specs], holders)
    vector_bytes = 4 * sum(math.prod(spec.shape) for spec in specs if is_vector(spec))
    require_small_vectors(directory, vector_bytes, "its config.json")
    for wanted in specs:
        got = holders[wanted.name].tensors[wanted.name]
        dtypes = dtypes_read(wanted)
        if got.shape != wanted.shape or got.dtype not in dtypes:
            raise CheckpointError(
                f"{holders[wanted.name].path}: tensor {wanted.name} is {got.dtype} "
                f"{list(got.shape)}, wanted {' or '.join(dtypes)} {list(wanted.shape)} by "
                "config.json; get weights and config.json of one checkpoint"
            )


class _Reader:
    """Assembles weights from checked tensors."""

    def __init__(
        self, holders: Mapping[str, SafetensorsFile], layout: Layout, config: Config
    ) -> None:
        self._holders = holders
        self._layout = layout
        self._config = config

    def read_model(self) -> ModelWeights:
        return ModelWeights(
            embedding=self._matrix("embedding"),
            layers=tuple(self._layer(layer) for layer in range(self._config.num_layers)),
            norm=self._vector("norm"),
            head=self._matrix("head"),
        )

    def _layer(self, layer: int) -> LayerWeights:
        parts = ("qkv",) if self._layout is ORIGINAL else ("query", "key", "value")
        attention = AttentionWeights(
            norm=self._vector("attention.norm", layer),
            qkv=tuple(self._linear(part, layer) for part in parts),
            output=self._linear("output", layer),
            sinks=self._vector("sinks", layer),
        )
        experts = ExpertWeights(
            norm=self._vector("experts.norm", layer),
            router=self._linear("router", layer),
            gate_up=self._experts("gate_up", layer),
            down=self._experts("down", layer),
        )
        return LayerWeights(attention, experts)

    def _experts(self, part: str, layer: int) -> ExpertProjection:
        bias = self._vector(f"{part}.bias", layer)
        if self._layout is BF16:
            return Bf16Experts(self._matrix(f"{part}.weight", layer), bias)
        blocks = self._matrix(f"{part}.blocks", layer)
        return Mxfp4Experts(blocks, self._matrix(f"{part}.scales", layer), bias)

    def _linear(self, part: str, layer: int) -> Linear:
        return Linear(self._matrix(f"{part}.weight", layer), self._vector(f"{part}.bias", layer))

    def _matrix(self, part: str, layer: int | None = None) -> NDArray[Any]:
        name = self._layout.name(part, layer)
        return self._holders[name].read(name)

    def _vector(self, part: str, layer: int | None = None) -> Float32:
        stored = self._matrix(part, layer)
        return bf16_to_float32(stored) if stored.dtype == np.uint16 else stored.astype(np.float32)
