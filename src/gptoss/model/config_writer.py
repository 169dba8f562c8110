"""Writes the small JSON files of a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

from gptoss.model.config import Config
from gptoss.model.safetensors_writer import write_text


def write_config(directory: Path, config: Config) -> None:
    """Write config.json, and generation_config.json with the published sampling. Raises OutputError if it cannot."""
    write_json(directory / "config.json", config.to_dict())
    generation = {
        "do_sample": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "eos_token_id": list(config.eos_token_ids),
    }
    write_json(directory / "generation_config.json", generation)


def write_json(path: Path, data: object) -> None:
    """Write indented JSON, whole or not at all. Raises OutputError."""
    write_text(path, json.dumps(data, indent=2) + "\n")
