"""Safetensors files: a JSON header with names, types and places, then the raw values.

The header is parsed here, because the public library hands out tensors by way of a framework's
types, and NumPy has none for bfloat16: here it is uint16 bits. Everything in a header is checked
before anything is read, so that a damaged or hostile file ends in one CheckpointError.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError
from gptoss.files.json_text import parse_object, shorten
from gptoss.files.mapped import MappedFile
from gptoss.files.pickled import PickledError, pickle_refused, require_not_pickled
from gptoss.files.regular import open_own, open_regular, read_at

# The header of the released 120b takes about 100 kB.
MAX_HEADER_BYTES = 16 << 20
# The header's length, little-endian.
LENGTH_BYTES = 8

# What the format knows; bfloat16 and the eight-bit floats are handed out as their bits.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "BOOL": np.dtype("?"),
    "I8": np.dtype("i1"),
    "I16": np.dtype("<i2"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("u1"),
    "U16": np.dtype("<u2"),
    "U32": np.dtype("<u4"),
    "U64": np.dtype("<u8"),
    "F8_E4M3": np.dtype("u1"),
    "F8_E5M2": np.dtype("u1"),
    "F8_E8M0": np.dtype("u1"),
}


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as a header announces it: dtype by its safetensors name."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """The bytes its values take."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Header:
    """All that a file says before its values; `starts` are places in the file. Everything in it is checked."""

    text: bytes
    tensors: Mapping[str, TensorSpec]
    starts: Mapping[str, int]
    metadata: Mapping[str, str]

    @classmethod
    def read(cls, descriptor: int) -> Header:
        """The header of an open file. Raises OSError, or ValueError with what is wrong with the file."""
        total = os.fstat(descriptor).st_size
        if total < LENGTH_BYTES:
            raise ValueError(f"it has {total} bytes, wanted at least {LENGTH_BYTES}")
        start = read_at(descriptor, LENGTH_BYTES, 0)
        length = int.from_bytes(start, "little")
        if length > MAX_HEADER_BYTES:
            # As a length, the beginning of any pickle is far too large.
            require_not_pickled(start)
            raise ValueError(f"its header claims {length} bytes, at most {MAX_HEADER_BYTES} go")
        if LENGTH_BYTES + length > total:
            raise ValueError(f"its header claims {length} bytes and the file has {total}")
        text = read_at(descriptor, length, LENGTH_BYTES)
        return cls.parse(text, total - LENGTH_BYTES - length)

    @classmethod
    def parse(cls, text: bytes, num_bytes: int) -> Header:
        """The header before so many bytes of values. Raises ValueError with what is wrong with it."""
        try:
            entries = parse_object(text)
        except ValueError as error:
            raise ValueError(f"its header cannot be read: {error}") from None
        metadata = _read_metadata(entries.pop("__metadata__", {}))
        tensors: dict[str, TensorSpec] = {}
        spans = []
        for name, entry in entries.items():
            tensors[name], begin, end = _read_entry(name, entry)
            spans.append((begin, end, name))
        spans.sort()
        _check_spans(spans, num_bytes)
        first = LENGTH_BYTES + len(text)
        return cls(text, tensors, {name: first + begin for begin, _, name in spans}, metadata)


class SafetensorsFile(MappedFile):
    """One file, memory-mapped; tensors are read-only views of it.

    `is_own`: it was made by this program, and is believed only if nobody else could have written it.
    Raises CheckpointError when the file is missing, truncated, or anything in its header is off.
    """

    def __init__(self, path: str | Path, *, is_own: bool = False) -> None:
        path = Path(path)
        try:
            with (open_own if is_own else open_regular)(path) as descriptor:
                self._header = Header.read(descriptor)
                super().__init__(path, descriptor)
        except (OSError, ValueError) as error:
            raise _refusal(path, error, is_own=is_own) from None

    @property
    def tensors(self) -> Mapping[str, TensorSpec]:
        """Descriptions of the tensors, by name."""
        return self._header.tensors

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its writer says of it."""
        return self._header.metadata

    @property
    def header(self) -> bytes:
        """The header's bytes: names, types, shapes and places of all tensors."""
        return self._header.text

    def start_of(self, name: str) -> int:
        """The place in the file where the tensor's bytes begin."""
        return self._header.starts[name]

    def read(self, name: str) -> NDArray[Any]:
        """The tensor as a view of the file, bfloat16 as uint16 bits.

        Values that do not lie at a multiple of their own size, which the format allows and the
        kernels do not, are copied.
        """
        spec = self.tensors[name]
        dtype = DTYPES[spec.dtype]
        view = np.frombuffer(
            self._mapped, dtype, count=math.prod(spec.shape), offset=self._header.starts[name]
        ).reshape(spec.shape)
        return view if view.flags.aligned else view.copy()


class SafetensorsStream:
    """An open file that is read piece by piece, so that it may change or shrink meanwhile without harm.

    Every method raises OSError for what cannot be read; the constructor also ValueError for what is wrong in the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.header = Header.read(descriptor)

    def read(self, name: str) -> NDArray[Any]:
        """A tensor as an array of its own."""
        spec = self.header.tensors[name]
        data = read_at(self._descriptor, spec.num_bytes, self.header.starts[name])
        return np.frombuffer(data, DTYPES[spec.dtype]).reshape(spec.shape)

    def rows(self, name: str) -> Iterator[NDArray[Any]]:
        """A tensor along its first axis, each part as an array of its own."""
        spec = self.header.tensors[name]
        count, *rest = spec.shape
        dtype, num_bytes = DTYPES[spec.dtype], spec.num_bytes // max(1, count)
        for index in range(count):
            place = self.header.starts[name] + index * num_bytes
            yield np.frombuffer(read_at(self._descriptor, num_bytes, place), dtype).reshape(rest)


def _refusal(path: Path, error: OSError | ValueError, *, is_own: bool) -> CheckpointError:
    reason = getattr(error, "strerror", None) or error
    if is_own:
        # It can be made anew, so there is nothing to do about it.
        return CheckpointError(f"{path} is not used: {reason}")
    if isinstance(error, PickledError):
        return pickle_refused(path, str(error))
    if isinstance(error, OSError):
        return CheckpointError(
            f"cannot read {path}: {reason}; wanted a safetensors file of the checkpoint"
        )
    return CheckpointError(f"{path} is not a whole safetensors file: {reason}; download it again")


def _read_metadata(metadata: object) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its __metadata__ is no object of texts")
    return metadata


def _read_entry(name: str, entry: object) -> tuple[TensorSpec, int, int]:
    """A tensor's checked entry: what it is, where it begins and where it ends."""
    where = f"tensor {shorten(name)}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{where} has no dtype, shape and data_offsets, or has more")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{where} has the unknown dtype {shorten(dtype)}")
    if not _is_list_of_sizes(shape) or len(shape) > 8:
        raise ValueError(f"{where} has the shape {shorten(shape)}, wanted up to 8 sizes")
    if not _is_list_of_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{where} has the offsets {shorten(offsets)}, wanted begin and end")
    spec = TensorSpec(name, dtype, tuple(shape))
    begin, end = offsets
    if end - begin != spec.num_bytes:
        raise ValueError(
            f"{where} takes {shorten(end - begin)} bytes, but {dtype} {shorten(shape)} "
            f"needs {shorten(spec.num_bytes)}"
        )
    return spec, begin, end


def _check_spans(spans: list[tuple[int, int, str]], num_bytes: int) -> None:
    """Tensors, in order, must fill the rest of the file without gap or overlap."""
    expected = 0
    for begin, end, name in spans:
        if begin != expected:
            kind = "overlaps the one before" if begin < expected else "leaves a gap before it"
            raise ValueError(f"tensor {shorten(name)} {kind}")
        expected = end
    if expected > num_bytes:
        raise ValueError(
            f"it is truncated: {num_bytes} bytes of values, its header announces {expected}"
        )
    if expected < num_bytes:
        raise ValueError(f"{num_bytes - expected} bytes at its end belong to no tensor")


def _is_list_of_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(v) is int and 0 <= v < 2**63 for v in value)
