"""Writes a checkpoint as GGUF, so that llama.cpp runs the same weights: python -m benchmarks.peers.gguf_file DIR FILE.

Attention, embedding and head as Q8_0, which is what the official GGUF has; `gptoss export` has them as they are stored.
Needs the package gguf.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from gptoss.export.exporting import Export
from gptoss.export.forms import Form
from gptoss.export.gguf_file import GgufOut
from gptoss.files import gguf_writer
from gptoss.files.gguf_types import BF16, TYPES
from gptoss.files.gguf_writer import TensorToWrite, header_of
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint import open_checkpoint

_Q8_0 = TYPES[gguf.GGMLQuantizationType.Q8_0]


def write_gguf(directory: Path, file: Path, *, quantised: bool) -> None:
    """All of a checkpoint with its experts in MXFP4; `quantised` has the other matrices in Q8_0."""
    export = Export.plan(directory.name, open_checkpoint(directory), file, Form.GGUF)
    planned = export.planned
    assert isinstance(planned, GgufOut)
    if not quantised:
        export.write()
        return
    tensors = [
        replace(tensor, kind=_Q8_0) if tensor.kind is BF16 else tensor
        for tensor in planned.tensors.values()
    ]

    def values(tensor: TensorToWrite) -> Iterator[NDArray[np.generic]]:
        for piece in planned.values(planned.tensors[tensor.name]):
            yield _rounded(piece) if tensor.kind is _Q8_0 else piece

    header = header_of(planned.metadata, tensors)
    gguf_writer.write_gguf(file, header, tensors, values)


def _rounded(bits: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """(out, in) bfloat16 to blocks of a half-precision scale and 32 signed bytes, as ggml rounds."""
    blocks: NDArray[np.uint8] = gguf.quants.quantize(
        bf16_to_float32(bits), gguf.GGMLQuantizationType.Q8_0
    )
    return blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    write_gguf(options.directory, options.file, quantised=True)


if __name__ == "__main__":
    main()
