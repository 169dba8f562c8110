"""Opens a folder of weights in any of the three layouts and checks every tensor against the config.

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
from gptoss.files.json_text import shorten
from gptoss.kernels import Float32
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint_files import find_shards, locate
from gptoss.model.config import Config, ExpertFormat
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

# Tensors named in one error.
_NAMED = 3
# Those of 120b take 160 MB.
_MAX_VECTOR_BYTES = 1 << 30


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: where it lies, its shape and its weights."""

    directory: Path
    layout: Layout
    config: Config
    weights: ModelWeights
    num_bytes: int
    files: tuple[SafetensorsFile, ...]


def open_checkpoint(directory: str | Path) -> Checkpoint:
    """Open a folder in the released, the `original/` or the bfloat16 layout.

    Takes the folder itself or one that holds `original/`. Raises ConfigError or CheckpointError
    when anything is missing, damaged, of another shape or dtype, or unexpected.
    """
    try:
        found = locate(Path(directory))
        paths = find_shards(found)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {directory}: {error.strerror or error}; wanted the folder of a checkpoint"
        ) from None
    config = Config.from_file(found / "config.json")
    files = [SafetensorsFile(path) for path in paths]
    holders = _index_tensors(files)
    layout = _recognise(holders, config, found)
    _check_tensors(holders, layout, config, found)
    weights = _Reader(holders, layout, config).read_model()
    num_bytes = sum(spec.num_bytes for file in files for spec in file.tensors.values())
    return Checkpoint(found, layout, config, weights, num_bytes, tuple(files))


def _index_tensors(files: Iterable[SafetensorsFile]) -> dict[str, SafetensorsFile]:
    holders: dict[str, SafetensorsFile] = {}
    for file in files:
        for name in file.tensors:
            if name in holders:
                raise CheckpointError(
                    f"tensor {shorten(name)} is in both {holders[name].path} and {file.path.name}; "
                    "remove the file that does not belong to the checkpoint"
                )
            holders[name] = file
    return holders


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
    missing = [spec.name for spec in specs if spec.name not in holders]
    unexpected = sorted(set(holders) - {spec.name for spec in specs})
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors are missing ({_list_some(missing)})")
    if unexpected:
        problems.append(f"{len(unexpected)} are unexpected ({_list_some(unexpected)})")
    if problems:
        raise CheckpointError(
            f"{directory} does not fit its config.json ({config.num_layers} layers, "
            f"{layout.title}): {'; '.join(problems)}; get all files of one checkpoint again"
        )
    # Made anew in memory before anything is planned; a sparse file of any size costs its maker nothing.
    vector_bytes = 4 * sum(math.prod(spec.shape) for spec in specs if is_vector(spec))
    if vector_bytes > _MAX_VECTOR_BYTES:
        raise CheckpointError(
            f"{directory}: norms and biases take {vector_bytes:,} bytes by its config.json, wanted at most "
            f"{_MAX_VECTOR_BYTES:,}; not a gpt-oss model"
        )
    for wanted in specs:
        got = holders[wanted.name].tensors[wanted.name]
        dtypes = dtypes_read(wanted)
        if got.shape != wanted.shape or got.dtype not in dtypes:
            raise CheckpointError(
                f"{holders[wanted.name].path}: tensor {wanted.name} is {got.dtype} "
                f"{list(got.shape)}, wanted {' or '.join(dtypes)} {list(wanted.shape)} by "
                "config.json; get weights and config.json of one checkpoint"
            )


def _list_some(names: list[str]) -> str:
    listed = ", ".join(shorten(name)[1:-1] for name in names[:_NAMED])
    return f"{listed}, ..." if len(names) > _NAMED else listed


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
