"""GGUF files: metadata, a directory of tensors, then their values in blocks.

All that a file claims is held against its size before anything is made of it, so that a damaged or hostile file ends in
one CheckpointError. Values are views of the mapped file. Versions 2 and 3 of the format are read, which differ in that
the latter may be big-endian; those are refused.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError
from gptoss.files.gguf_types import TYPES, BlockType
from gptoss.files.gguf_values import MAX_KEY_BYTES, Cursor, ListValue, Value
from gptoss.files.json_text import shorten
from gptoss.files.mapped import MappedFile
from gptoss.files.pickled import PickledError, pickle_refused, require_not_pickled
from gptoss.files.regular import open_regular, read_at

MAGIC = b"GGUF"
SUFFIX = ".gguf"
# Metadata and directory. The vocabulary of o200k with its merges takes 14 MB.
MAX_HEADER_BYTES = 64 << 20
# Those of 120b are some hundreds, each.
_MAX_ENTRIES = 1 << 16
_MAX_NAME_BYTES = 128
_MAX_DIMENSIONS = 4
_VERSIONS = (2, 3)
# In the header's order: magic, version, number of tensors, number of metadata entries.
_FIXED_BYTES = 24
# The least that an entry takes: a key's length, a kind and a byte; a name's length, dimensions, type and place.
_LEAST_METADATA_BYTES, _LEAST_TENSOR_BYTES = 13, 32
_ALIGNMENT_KEY, DEFAULT_ALIGNMENT = "general.alignment", 32
# Values are mapped as they lie; of eight bytes at least, as the format says.
_LEAST_ALIGNMENT, _MOST_ALIGNMENT = 8, 1 << 16


@dataclass(frozen=True)
class GgufTensor:
    """A tensor of the directory: its shape with the outermost dimension first, and where its bytes lie in the file."""

    name: str
    kind: BlockType
    shape: tuple[int, ...]
    start: int

    @property
    def row_bytes(self) -> int:
        """The bytes of one row, which is a whole number of blocks."""
        return self.shape[-1] // self.kind.num_values * self.kind.num_bytes

    @property
    def num_bytes(self) -> int:
        """The bytes its values take."""
        return math.prod(self.shape[:-1]) * self.row_bytes


@dataclass(frozen=True)
class Header:
    """All that a file says before its values; everything in it is checked."""

    metadata: Mapping[str, Value]
    tensors: Mapping[str, GgufTensor]
    num_bytes: int

    @classmethod
    def parse(cls, data: mmap.mmap | bytes) -> Header:
        """The header of a file's bytes. Raises ValueError with what is wrong with it."""
        total, magic = len(data), data[: len(MAGIC)]
        require_not_pickled(magic)
        if total < _FIXED_BYTES:
            raise ValueError(f"it has {total} bytes, wanted at least {_FIXED_BYTES}")
        cursor = Cursor(data, 0, min(total, MAX_HEADER_BYTES))
        _check_begin(magic, cursor)
        num_tensors, num_entries = cursor.count("its counts"), cursor.count("its counts")
        metadata = _read_metadata(cursor, num_entries)
        infos = _read_directory(cursor, num_tensors)
        alignment = _alignment(metadata)
        first = -(-cursor.at // alignment) * alignment
        tensors = {
            name: GgufTensor(name, kind, shape, first + offset)
            for name, (kind, shape, offset) in infos.items()
        }
        _check_places(list(tensors.values()), first, total, alignment)
        return cls(metadata, tensors, cursor.at)


class GgufFile(MappedFile):
    """One file, memory-mapped; tensors are read-only views of its blocks.

    Raises CheckpointError when the file is missing, truncated, or anything in its header is off.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        try:
            with open_regular(path) as descriptor:
                super().__init__(path, descriptor)
            self._header = Header.parse(self._mapped)
        except OSError as error:
            raise CheckpointError(
                f"cannot read {path}: {error.strerror or error}; wanted a GGUF file"
            ) from None
        except PickledError as error:
            raise pickle_refused(path, str(error)) from None
        except ValueError as error:
            raise _refusal(path, error) from None

    @property
    def tensors(self) -> Mapping[str, GgufTensor]:
        """What the file holds, by name."""
        return self._header.tensors

    @property
    def metadata(self) -> Mapping[str, Value]:
        """What its writer says of it, by key; lists are read by `texts` and its like."""
        return self._header.metadata

    @property
    def header(self) -> bytes:
        """The header's bytes: metadata, and names, types, shapes and places of all tensors."""
        return self._mapped[: self._header.num_bytes]

    def read(self, name: str) -> NDArray[np.uint8]:
        """The tensor's bytes as a view of the file: its shape, with a row's bytes in place of its values."""
        tensor = self.tensors[name]
        flat = np.frombuffer(self._mapped, np.uint8, count=tensor.num_bytes, offset=tensor.start)
        return flat.reshape(*tensor.shape[:-1], tensor.row_bytes)

    def texts(self, key: str) -> list[str] | None:
        """The list of texts under a key; None when absent. Raises CheckpointError for another kind of value."""
        found = self._list(key)
        try:
            return None if found is None else self._cursor().texts(found, _of(key))
        except ValueError as error:
            raise _refusal(self.path, error) from None

    def integers(self, key: str) -> list[int] | None:
        """The list of whole numbers under a key; None when absent. Raises CheckpointError for another kind of value."""
        found = self._list(key)
        try:
            return None if found is None else self._cursor().integers(found, _of(key))
        except ValueError as error:
            raise _refusal(self.path, error) from None

    def bools(self, key: str) -> list[bool] | None:
        """The list of truth values under a key; None when absent. Raises CheckpointError for another kind of value."""
        found = self._list(key)
        try:
            return None if found is None else self._cursor().bools(found, _of(key))
        except ValueError as error:
            raise _refusal(self.path, error) from None

    def _list(self, key: str) -> ListValue | None:
        found = self.metadata.get(key)
        if found is not None and not isinstance(found, ListValue):
            raise _refusal(self.path, ValueError(f"{_of(key)} is {shorten(found)}, wanted a list"))
        return found

    def _cursor(self) -> Cursor:
        return Cursor(self._mapped, 0, self._header.num_bytes)


def is_gguf(path: Path) -> bool:
    """Whether a file begins as GGUF files do, whatever its name. Raises OSError for what is no regular file."""
    with open_regular(path) as descriptor:
        try:
            return read_at(descriptor, len(MAGIC), 0) == MAGIC
        except OSError:
            # It is shorter.
            return False


def _check_begin(magic: bytes, cursor: Cursor) -> None:
    if magic != MAGIC:
        raise ValueError(f"it begins with {shorten(repr(magic))}, wanted {MAGIC!r}")
    cursor.skip(len(MAGIC), "its beginning")
    version = cursor.small_count("its version")
    if version in _VERSIONS:
        return
    if int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS:
        raise ValueError(
            "it is big-endian, wanted a little-endian one: convert it again for this machine"
        )
    raise ValueError(
        f"it is of version {version} of the format, wanted {' or '.join(map(str, _VERSIONS))}"
    )


def _read_metadata(cursor: Cursor, count: int) -> dict[str, Value]:
    _require_few(count, "metadata entries")
    cursor.require(count, _LEAST_METADATA_BYTES, "metadata entries")
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.text("a metadata key", MAX_KEY_BYTES)
        if key in metadata:
            raise ValueError(f"the metadata key {shorten(key)} occurs twice")
        metadata[key] = cursor.value(_of(key))
    return metadata


_Info = tuple[BlockType, tuple[int, ...], int]


def _read_directory(cursor: Cursor, count: int) -> dict[str, _Info]:
    _require_few(count, "tensors")
    cursor.require(count, _LEAST_TENSOR_BYTES, "tensors")
    infos: dict[str, _Info] = {}
    for _ in range(count):
        name = cursor.text("a tensor's name", _MAX_NAME_BYTES)
        if name in infos:
            raise ValueError(f"the tensor {shorten(name)} occurs twice")
        infos[name] = _read_info(cursor, f"tensor {shorten(name)}")
    return infos


def _read_info(cursor: Cursor, where: str) -> _Info:
    num_dimensions = cursor.small_count(where)
    if not 1 <= num_dimensions <= _MAX_DIMENSIONS:
        raise ValueError(f"{where} has {num_dimensions} dimensions, wanted 1 to {_MAX_DIMENSIONS}")
    # The innermost comes first.
    shape = tuple(reversed([cursor.count(where) for _ in range(num_dimensions)]))
    number, offset = cursor.small_count(where), cursor.count(where)
    if not all(1 <= size < 2**63 for size in shape):
        raise ValueError(f"{where} has the shape {shorten(list(shape))}, wanted sizes from 1")
    kind = TYPES.get(number)
    if kind is None:
        raise ValueError(f"{where} is of the unknown type {number}")
    if shape[-1] % kind.num_values:
        raise ValueError(
            f"{where} has rows of {shape[-1]} values, wanted a multiple of the {kind.num_values} in a block of "
            f"{kind.name}"
        )
    return kind, shape, offset


def _alignment(metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get(_ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
    if (
        type(alignment) is not int
        or not _LEAST_ALIGNMENT <= alignment <= _MOST_ALIGNMENT
        or alignment & (alignment - 1)
    ):
        raise ValueError(
            f"{_of(_ALIGNMENT_KEY)} is {shorten(alignment)}, wanted a power of two from {_LEAST_ALIGNMENT} to "
            f"{_MOST_ALIGNMENT}"
        )
    return alignment


def _check_places(tensors: list[GgufTensor], first: int, total: int, alignment: int) -> None:
    """Tensors, in order, must fill the rest of the file; each begins at the next multiple of the alignment."""
    end = expected = first
    for tensor in sorted(tensors, key=lambda tensor: tensor.start):
        where = f"tensor {shorten(tensor.name)}"
        if tensor.start % alignment:
            raise ValueError(f"{where} does not begin at a multiple of {alignment} bytes")
        if tensor.start != expected:
            kind = (
                "overlaps the one before" if tensor.start < expected else "leaves a gap before it"
            )
            raise ValueError(f"{where} {kind}")
        end = tensor.start + tensor.num_bytes
        if end > total:
            raise ValueError(
                f"it is truncated: {where} ends at byte {end}, and the file has {total}"
            )
        expected = -(-end // alignment) * alignment
    if tensors and total > expected:
        raise ValueError(f"{total - expected} bytes at its end belong to no tensor")


def _require_few(count: int, what: str) -> None:
    if count > _MAX_ENTRIES:
        raise ValueError(f"it claims {count} {what}, at most {_MAX_ENTRIES} go")


def _of(key: str) -> str:
    return f"metadata {shorten(key)}"


def _refusal(path: Path, error: ValueError) -> CheckpointError:
    return CheckpointError(f"{path} is not a whole GGUF file: {error}; download it again")
