"""Safetensors files: a JSON header with names, types and places, then the raw values.

The header is parsed here, because the public library hands out tensors by way of a framework's
types, and NumPy has none for bfloat16: here it is uint16 bits. Everything in a header is checked
before anything is read, so that a damaged or hostile file ends in one CheckpointError.
"""

from __future__ import annotations

import contextlib
import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError
from gptoss.model.json_object import parse_object

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


class SafetensorsFile:
    """One file, memory-mapped; tensors are read-only views of it.

    Raises CheckpointError when the file is missing, truncated, or anything in its header is off.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._mapped = _map(self.path)
        self._starts: dict[str, int] = {}
        self.tensors: dict[str, TensorSpec] = {}
        self.metadata: Mapping[str, object] = {}
        self._read_header()

    def read(self, name: str) -> NDArray[Any]:
        """The tensor as a view of the file, bfloat16 as uint16 bits.

        Values that do not lie at a multiple of their own size, which the format allows and the
        kernels do not, are copied.
        """
        spec = self.tensors[name]
        dtype = DTYPES[spec.dtype]
        view = np.frombuffer(
            self._mapped, dtype, count=math.prod(spec.shape), offset=self._starts[name]
        ).reshape(spec.shape)
        return view if view.flags.aligned else view.copy()

    @property
    def header(self) -> bytes:
        """The header's bytes: names, types, shapes and places of all tensors."""
        length = int.from_bytes(self._mapped[:LENGTH_BYTES], "little")
        return self._mapped[LENGTH_BYTES : LENGTH_BYTES + length]

    def sample(self, num_samples: int, num_bytes: int) -> Iterator[bytes]:
        """Bytes from so many places at equal distances, the last ones included."""
        last = max(0, len(self._mapped) - num_bytes)
        for index in range(num_samples):
            start = last * index // max(1, num_samples - 1)
            yield self._mapped[start : start + num_bytes]

    def use_huge_pages(self) -> None:
        """Ask the system to keep this file in large pages, where it can: memory is then found faster."""
        if hasattr(mmap, "MADV_HUGEPAGE"):
            # A system without them says no, which changes nothing.
            with contextlib.suppress(OSError):
                self._mapped.madvise(mmap.MADV_HUGEPAGE)

    def release(self) -> None:
        """Give the memory of what was read back to the system, which reads it again when it is needed."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def _read_header(self) -> None:
        total = len(self._mapped)
        length = int.from_bytes(self._mapped[:LENGTH_BYTES], "little")
        if length > MAX_HEADER_BYTES:
            raise self._error(f"its header claims {length} bytes, at most {MAX_HEADER_BYTES} go")
        if LENGTH_BYTES + length > total:
            raise self._error(f"its header claims {length} bytes and the file has {total}")
        text = self._mapped[LENGTH_BYTES : LENGTH_BYTES + length]
        try:
            header = parse_object(text)
        except ValueError as error:
            raise self._error(f"its header cannot be read: {error}") from None
        metadata = header.pop("__metadata__", None)
        self.metadata = metadata if isinstance(metadata, dict) else {}
        spans = [self._read_entry(name, entry) for name, entry in header.items()]
        self._check_spans(spans, total - LENGTH_BYTES - length)
        self._starts = {name: LENGTH_BYTES + length + begin for begin, _, name in spans}

    def _read_entry(self, name: str, entry: object) -> tuple[int, int, str]:
        """Check one tensor's entry; returns where it begins and ends, and its name."""
        where = f"tensor {_shorten(name)}"
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise self._error(f"{where} has no dtype, shape and data_offsets, or has more")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise self._error(f"{where} has the unknown dtype {_shorten(dtype)}")
        if not _is_list_of_sizes(shape) or len(shape) > 8:
            raise self._error(f"{where} has the shape {_shorten(shape)}, wanted up to 8 sizes")
        if not _is_list_of_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
            raise self._error(f"{where} has the offsets {_shorten(offsets)}, wanted begin and end")
        spec = TensorSpec(name, dtype, tuple(shape))
        begin, end = offsets
        if end - begin != spec.num_bytes:
            raise self._error(
                f"{where} takes {_shorten(end - begin)} bytes, but {dtype} {_shorten(shape)} "
                f"needs {_shorten(spec.num_bytes)}"
            )
        self.tensors[name] = spec
        return begin, end, name

    def _check_spans(self, spans: list[tuple[int, int, str]], num_bytes: int) -> None:
        """Tensors must fill the rest of the file without gap or overlap."""
        expected = 0
        for begin, end, name in sorted(spans):
            if begin != expected:
                kind = "overlaps the one before" if begin < expected else "leaves a gap before it"
                raise self._error(f"tensor {_shorten(name)} {kind}")
            expected = end
        if expected > num_bytes:
            raise self._error(
                f"it is truncated: {num_bytes} bytes of values, its header announces {expected}"
            )
        if expected < num_bytes:
            raise self._error(f"{num_bytes - expected} bytes at its end belong to no tensor")

    def _error(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path} is not a whole safetensors file: {what}; download it again"
        )


def _map(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            if path.stat().st_size < LENGTH_BYTES:
                raise CheckpointError(
                    f"{path} is not a whole safetensors file: it has {path.stat().st_size} bytes, "
                    f"wanted at least {LENGTH_BYTES}; download it again"
                )
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(
            f"cannot read {path}: {reason}; wanted a safetensors file of the checkpoint"
        ) from None
    _refuse_pickle(path, mapped[:LENGTH_BYTES])
    return mapped


def _refuse_pickle(path: Path, start: bytes) -> None:
    """torch.save writes a zip archive, and formerly a bare pickle."""
    is_pickle = start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04"))
    # A header's length may happen to begin like that, but not be so large.
    if is_pickle and int.from_bytes(start, "little") > MAX_HEADER_BYTES:
        raise pickle_refused(path)


def pickle_refused(path: Path) -> CheckpointError:
    """The error for a pickle file, which is never opened."""
    return CheckpointError(
        f"{path} is a pickle file, and loading one can run any code that was put into it; "
        "wanted safetensors: get the checkpoint in that format"
    )


def _is_list_of_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(v) is int and 0 <= v < 2**63 for v in value)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
