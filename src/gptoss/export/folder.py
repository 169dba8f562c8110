"""A checkpoint as a folder of safetensors files, in the released layout, in bfloat16, or as `original/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.export.forms import Form
from gptoss.export.parts import Parts, Values
from gptoss.export.text_files import TextFiles
from gptoss.files.whole import whole_file
from gptoss.kernels.bf16 import bf16_to_float32, float32_to_bf16
from gptoss.model.checkpoint_files import ORIGINAL_FOLDER, SINGLE
from gptoss.model.config import Config, ExpertFormat
from gptoss.model.config_writer import original_dict, write_config, write_json
from gptoss.model.layouts import BF16, ORIGINAL, PACKED, Layout, Place, is_vector
from gptoss.model.safetensors import TensorSpec
from gptoss.model.safetensors_writer import write_safetensors
from gptoss.model.shards import write_shards

_LAYOUTS = {Form.MXFP4: PACKED, Form.BF16: BF16, Form.ORIGINAL: ORIGINAL}
# In the list of `original/`, which says more than the types that safetensors knew.
_DTYPES = {"blocks": "FP4", "scales": "UE8"}


@dataclass(frozen=True)
class Folder:
    """What will be written: each tensor's place in the layout, by its name."""

    form: Form
    config: Config
    parts: Parts
    text: TextFiles
    places: dict[str, Place]

    @classmethod
    def plan(cls, form: Form, config: Config, parts: Parts, text: TextFiles) -> Folder:
        """The tensors of a form. Raises ConfigError for a configuration that it cannot say."""
        layout = _LAYOUTS[form]
        if form is Form.ORIGINAL:
            original_dict(config)
        kind = ExpertFormat.BF16 if form is Form.BF16 else ExpertFormat.MXFP4
        config = replace(config, expert_format=kind)
        places = {place.spec.name: place for place in _exact_places(layout, config, parts)}
        return cls(form, config, parts, text, places)

    @property
    def tensor_bytes(self) -> int:
        """What the values of all tensors take."""
        return sum(place.spec.num_bytes for place in self.places.values())

    @property
    def num_bytes(self) -> int:
        """What the folder takes, nearly."""
        return self.tensor_bytes + sum(map(len, self.text.files.values()))

    def values(self, spec: TensorSpec) -> Iterator[NDArray[Any]]:
        """The values of one of the tensors, in pieces."""
        part, layer, _ = self.places[spec.name]
        if is_vector(spec):
            vector = self.parts.vector(part, layer)
            yield vector if spec.dtype == "F32" else float32_to_bf16(vector)
            return
        name, _, kind = part.partition(".")
        if layer is None or name not in ("gate_up", "down"):
            pieces: Iterator[NDArray[Any]] = self.parts.matrix(part, layer)
        elif kind == "blocks":
            pieces = (blocks for blocks, _ in self.parts.blocks(name, layer))
        elif kind == "scales":
            pieces = self.parts.scales(name, layer)
        else:
            pieces = self.parts.by_input(name, layer)
        yield from map(np.ascontiguousarray, pieces)

    def write(self, directory: Path, values: Values) -> None:
        """Write all files into an empty folder, `values` in place of its own. Raises OutputError, or OSError."""
        specs = [place.spec for place in self.places.values()]
        if self.form is Form.ORIGINAL:
            inner = directory / ORIGINAL_FOLDER
            inner.mkdir()
            write_safetensors(inner / SINGLE, specs, values)
            write_json(inner / "config.json", original_dict(self.config))
            dtypes = {
                spec.name: _DTYPES.get(spec.name.rpartition(".")[2], spec.dtype) for spec in specs
            }
            write_json(inner / "dtypes.json", dtypes)
        else:
            write_shards(directory, specs, values)
            write_config(directory, self.config, self.text.roles)
        for name, content in self.text.files.items():
            with whole_file(directory / name) as file:
                file.write(content)


def _exact_places(layout: Layout, config: Config, parts: Parts) -> Iterator[Place]:
    """Those of the layout, with vectors in float32 where bfloat16 would lose some of their digits."""
    for place in layout.places(config):
        part, layer, spec = place
        if is_vector(spec):
            values = parts.vector(part, layer)
            if not np.array_equal(bf16_to_float32(float32_to_bf16(values)), values):
                place = place._replace(spec=replace(spec, dtype="F32"))
        yield place
