"""Models of other programs, as these keep them: small random ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import gguf

from tests.model.gguf_model import DIALECTS, Dialect, write_gguf
from tests.model.random_model import SMALL, RandomModel

MODEL_LAYER = "application/vnd.ollama.image.model"
LLAMA_CPP = DIALECTS["llama.cpp"]


def gguf_file(path: Path, dialect: Dialect = LLAMA_CPP, *, seed: int = 0) -> Path:
    """A small gpt-oss model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_gguf(RandomModel.of(SMALL, seed), path, dialect)


def foreign_file(path: Path, architecture: str = "llama") -> Path:
    """A GGUF file of another kind of model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def blob(folder: Path, data: bytes) -> tuple[str, Path]:
    """Bytes in Ollama's folder: their digest and their path."""
    found = hashlib.sha256(data).hexdigest()
    path = folder / "blobs" / f"sha256-{found}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"sha256:{found}", path


def manifest(folder: Path, name: str, layers: object, **more: object) -> Path:
    """A manifest of Ollama's, under HOST/NAMESPACE/MODEL/TAG."""
    path = folder / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "layers": layers, **more}))
    return path


def ollama_model(folder: Path, name: str, data: bytes) -> Path:
    """A model of Ollama's: its blob."""
    digest, path = blob(folder, data)
    licence, _ = blob(folder, b"Apache")
    config, _ = blob(folder, b'{"model_format": "gguf"}')
    layers = [
        {"mediaType": MODEL_LAYER, "digest": digest},
        {"mediaType": "application/vnd.ollama.image.license", "digest": licence},
    ]
    manifest(folder, name, layers, config={"digest": config})
    return path
