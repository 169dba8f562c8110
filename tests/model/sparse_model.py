"""Checkpoints in the exact shapes of the released ones that take no room: their files are all holes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from gptoss.model.config import Config, alternating_layers
from gptoss.model.config_writer import write_config
from gptoss.model.layouts import PACKED
from gptoss.model.synth import gpt_oss_20b


def gpt_oss_120b() -> Config:
    """The larger one: more layers and experts of the same shapes."""
    return replace(gpt_oss_20b(), layer_types=alternating_layers(36), num_experts=128)


def write_sparse(folder: Path, config: Config) -> Path:
    """A folder that can be opened, and whose values are all zero."""
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, config)
    header, at = {}, 0
    for spec in PACKED.specs(config):
        begin, at = at, at + spec.num_bytes
        header[spec.name] = {
            "dtype": spec.dtype,
            "shape": spec.shape,
            "data_offsets": [begin, at],
        }
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 64)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
    return folder
