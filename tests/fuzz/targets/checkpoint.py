"""Checkpoints: safetensors files by themselves, whole folders, and GGUF files; what opens is laid out and computes."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from gptoss.errors import CheckpointError, TokenizerError
from gptoss.files.gguf import GgufFile
from gptoss.kernels import Backend
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import alternating_layers
from gptoss.model.packing import Packing, WeightType
from gptoss.model.safetensors import SafetensorsFile, SafetensorsStream
from gptoss.model.transformer import Transformer
from gptoss.tokenizer import Tokenizer
from tests.fuzz.forms import Folder, Json, Safetensors
from tests.fuzz.gguf_form import Gguf
from tests.fuzz.target import Target
from tests.model.gguf_model import DIALECTS, write_gguf
from tests.model.random_model import LAYOUTS, SMALL, RandomModel

TINY = dataclasses.replace(
    SMALL,
    vocab_size=8,
    hidden_size=32,
    num_experts=2,
    experts_per_token=1,
    num_heads=2,
    num_kv_heads=1,
    layer_types=alternating_layers(1),
)
FORM = Folder(
    {
        "config.json": Json(),
        "generation_config.json": Json(),
        "model.safetensors": Safetensors(),
        "model.safetensors.index.json": Json(),
        "b.safetensors": Safetensors(),
    }
)
BACKEND = Backend(threads=1)
_MOST_TENSORS = 1 << 8


def read_safetensors(data: bytes, folder: Path) -> None:
    """Every tensor as a view of the file, and as an array of its own."""
    path = folder / "model.safetensors"
    path.write_bytes(data)
    file = SafetensorsFile(path)
    with path.open("rb") as opened:
        stream = SafetensorsStream(opened.fileno())
        for name, spec in file.tensors.items():
            whole = file.read(name).tobytes()
            assert len(whole) == spec.num_bytes
            assert stream.read(name).tobytes() == whole
            # A row of nothing takes no bytes, and there may be any number of them.
            if spec.num_bytes and spec.shape:
                assert b"".join(row.tobytes() for row in stream.rows(name)) == whole


def read_folder(data: bytes, folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, content in FORM.unpack(data).items():
        (folder / name).write_bytes(content)
    compute(folder)


def compute(path: Path) -> None:
    """Lay a checkpoint out and compute with it: kernels get shapes that were checked, and any values."""
    checkpoint = open_checkpoint(path)
    for weights in WeightType:
        packing = Packing(checkpoint.config, checkpoint.weights, weights, BACKEND)
        model = packing.assemble(packing.in_memory())
        ids = np.arange(min(3, checkpoint.config.vocab_size))
        for precision in ("bf16", "int8") if weights is WeightType.INT8 else ("float32",):
            with np.errstate(all="ignore"):
                Transformer(checkpoint.config, model, BACKEND, precision).logits(ids)


def read_gguf(data: bytes, folder: Path) -> None:
    path = folder / "model.gguf"
    path.write_bytes(data)
    file = GgufFile(path)
    for name, tensor in file.tensors.items():
        assert len(file.read(name).tobytes()) == tensor.num_bytes
    for key in file.metadata:
        for ask in (file.texts, file.integers, file.bools):
            _try_list(ask, key)
    try:
        tokenizer = Tokenizer.from_gguf(file)
    except TokenizerError:
        pass
    else:
        assert tokenizer.decode(tokenizer.encode("Ab 12\n")) == "Ab 12\n"
    compute(path)


def _try_list(ask: object, key: str) -> None:
    assert callable(ask)
    try:
        ask(key)
    except CheckpointError:
        return


def _safetensors() -> Iterator[bytes]:
    for files in map(FORM.unpack, _folders()):
        if "model.safetensors" in files:
            yield files["model.safetensors"]


def _folders() -> Iterator[bytes]:
    model = RandomModel.of(TINY, 0)
    with tempfile.TemporaryDirectory() as place:
        for name, layout in LAYOUTS.items():
            folder = model.write(Path(place) / name, layout)
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            yield FORM.pack(files)
            files["generation_config.json"] = b'{"eos_token_id": [1, 2]}'
            index = {"weight_map": {"a": "b.safetensors"}}
            files["b.safetensors"] = files.pop("model.safetensors")
            files["model.safetensors.index.json"] = json.dumps(index).encode()
            yield FORM.pack(files)


def _ggufs() -> Iterator[bytes]:
    model = RandomModel.of(TINY, 0)
    with tempfile.TemporaryDirectory() as place:
        for number, dialect in enumerate(DIALECTS.values()):
            kind = gguf.GGMLQuantizationType.Q8_0 if number else gguf.GGMLQuantizationType.BF16
            path = Path(place) / f"{number}.gguf"
            yield write_gguf(model, path, dialect, kind=kind, metadata=_vocabulary).read_bytes()


def _vocabulary(writer: gguf.GGUFWriter) -> None:
    """Too small for a tokenizer: a whole one would be most of the file."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    writer.add_token_list(["a", "b", "<|start|>"])
    writer.add_token_types([1, 1, 3])
    writer.add_eos_token_id(2)


TARGETS = (
    Target("safetensors", Safetensors(), _safetensors, read_safetensors),
    Target("checkpoint", FORM, _folders, read_folder),
    Target("gguf", Gguf(), _ggufs, read_gguf),
)
