"""A checkpoint as one GGUF file in llama.cpp's dialect, with its tokenizer and chat template inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.export.parts import Parts, Values
from gptoss.export.text_files import GGUF_TEMPLATE, TextFiles
from gptoss.files.gguf_blocks import halves_of_pairs
from gptoss.files.gguf_types import BF16, F32, MXFP4, BlockType
from gptoss.files.gguf_writer import MetadataValue, TensorToWrite, header_of, write_gguf
from gptoss.kernels import Bytes
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.config import Config
from gptoss.model.gguf_config import LLAMA_CPP, config_metadata
from gptoss.model.gguf_layouts import is_expert_part, is_vector_part, recognise
from gptoss.tokenizer.gguf_vocabulary import vocabulary_metadata

# What llama.cpp calls a file whose experts are MXFP4, and the version of its blocks.
_FILE_TYPE, _BLOCKS_VERSION = 38, 2
_ROLES = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "pad_token": "tokenizer.ggml.padding_token_id",
}
# Where the rows of a part lie among those of the released one.
_ROWS = {
    "gate": ("gate_up", slice(0, None, 2)),
    "up": ("gate_up", slice(1, None, 2)),
    "down": ("down", slice(None)),
}


@dataclass(frozen=True)
class GgufOut:
    """What will be written: the metadata, and each tensor's part and layer by its name."""

    metadata: dict[str, MetadataValue]
    parts: Parts
    tensors: dict[str, TensorToWrite]
    places: dict[str, tuple[str, int | None]]

    @classmethod
    def plan(cls, name: str, config: Config, parts: Parts, text: TextFiles) -> GgufOut:
        """The file of a model of that name.

        Raises ConfigError for a configuration that a GGUF file cannot say, TokenizerError for such a tokenizer.
        """
        metadata = config_metadata(config)
        metadata |= {
            "general.type": "model",
            # The name of a folder may be no text.
            "general.name": name.encode("utf-8", "replace").decode("utf-8"),
            "general.file_type": _FILE_TYPE,
            "general.quantization_version": _BLOCKS_VERSION,
            **vocabulary_metadata(text.vocabulary, config.vocab_size),
            **{_ROLES[role]: text.roles[role] for role in _ROLES if role in text.roles},
        }
        if text.template is not None:
            metadata[GGUF_TEMPLATE] = text.template
        # Of no names at all it is llama.cpp's, with nothing fused.
        layout = recognise((), LLAMA_CPP)
        places = {layout.name(*place): place for place in layout.parts(config)}
        tensors = {
            name: TensorToWrite(name, _kind(places[name][0]), shape)
            for name, shape in layout.shapes(config).items()
        }
        return cls(metadata, parts, tensors, places)

    @cached_property
    def header(self) -> bytes:
        """All that stands before the values."""
        return header_of(self.metadata, list(self.tensors.values()))

    @property
    def tensor_bytes(self) -> int:
        """What the values of all tensors take."""
        return sum(tensor.num_bytes for tensor in self.tensors.values())

    @property
    def num_bytes(self) -> int:
        """What the file takes, nearly."""
        return len(self.header) + self.tensor_bytes

    def values(self, tensor: TensorToWrite) -> Iterator[NDArray[Any]]:
        """The bytes of one of the tensors, in pieces."""
        part, layer = self.places[tensor.name]
        if is_vector_part(part):
            yield np.ascontiguousarray(self.parts.vector(part, layer))
        elif layer is not None and is_expert_part(part):
            name, rows = _ROWS[part.removesuffix(".weight")]
            for blocks, scales in self.parts.blocks(name, layer):
                yield _with_scales(blocks[rows], scales[rows])
        else:
            pieces = self.parts.matrix(part, layer)
            # llama.cpp multiplies by a router in float32.
            yield from map(bf16_to_float32, pieces) if tensor.kind is F32 else pieces

    def write(self, path: Path, values: Values) -> None:
        """Write the file, `values` in place of its own. Raises OSError."""
        write_gguf(path, self.header, list(self.tensors.values()), values)


def _kind(part: str) -> BlockType:
    if is_expert_part(part):
        return MXFP4
    return F32 if is_vector_part(part) or part == "router.weight" else BF16


def _with_scales(blocks: Bytes, scales: Bytes) -> Bytes:
    """(out, in / 32, 17): each scale before the bytes of its block, in ggml's order."""
    out = np.empty((*scales.shape, MXFP4.num_bytes), np.uint8)
    out[..., 0] = scales
    out[..., 1:] = halves_of_pairs(blocks)
    return out
