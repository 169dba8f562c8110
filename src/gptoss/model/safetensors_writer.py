"""Writes safetensors files piece by piece, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import OutputError
from gptoss.files.whole import SHARED, whole_file
from gptoss.model.safetensors import DTYPES, LENGTH_BYTES, TensorSpec

# Values are mapped as they lie, so they begin at a multiple of this: a cache line.
_ALIGNMENT = 64


def write_safetensors(
    path: str | Path,
    specs: Sequence[TensorSpec],
    values: Callable[[TensorSpec], Iterable[NDArray[Any]]],
    metadata: Mapping[str, str] | None = None,
    *,
    mode: int = SHARED,
) -> None:
    """Write tensors in the order given, taking each one's values in pieces.

    `values` returns C-contiguous arrays that together have as many bytes as the tensor. The file
    appears under its name, with `mode`, only when it is whole. Raises OutputError when it cannot be written.
    """
    path = Path(path)
    try:
        with whole_file(path, mode=mode) as file:
            file.write(_header(specs, {"format": "pt", **(metadata or {})}))
            for spec in specs:
                written = sum(file.write(_bytes_of(piece)) for piece in values(spec))
                if written != spec.num_bytes:
                    raise ValueError(f"{spec.name}: {written} of {spec.num_bytes} bytes given")
    except OSError as error:
        raise cannot_write(path, error) from None


def write_arrays(
    path: str | Path,
    tensors: Mapping[str, tuple[str, NDArray[Any]]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write whole arrays: name to dtype (safetensors' name; uint16 bits for BF16) and array.

    Raises OutputError when the file cannot be written.
    """
    arrays = {
        name: np.ascontiguousarray(array, dtype=DTYPES[dtype])
        for name, (dtype, array) in tensors.items()
    }
    specs = [TensorSpec(name, tensors[name][0], array.shape) for name, array in arrays.items()]
    write_safetensors(path, specs, lambda spec: [arrays[spec.name]], metadata)


def write_text(path: str | Path, text: str) -> None:
    """Write a small file of the checkpoint, whole or not at all. Raises OutputError."""
    path = Path(path)
    try:
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> OutputError:
    """What to raise when the system refuses to write a file or folder."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; choose a folder that you may write to, "
        "on a disk with space"
    )


def _header(specs: Sequence[TensorSpec], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": metadata}
    begin = 0
    for spec in specs:
        end = begin + spec.num_bytes
        entries[spec.name] = {
            "dtype": spec.dtype,
            "shape": list(spec.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(LENGTH_BYTES + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def _bytes_of(piece: NDArray[Any]) -> memoryview:
    return piece.data.cast("B") if piece.size else memoryview(b"")
