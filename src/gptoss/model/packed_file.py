"""A cache file of packed weights: made once for a checkpoint, memory-mapped from then on.

It is a safetensors file whose metadata say which checkpoint it was made of, in which way and by which version of the
layout. A file that says anything else is not used.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gptoss.errors import CheckpointError, OutputError
from gptoss.files.room import require_room
from gptoss.files.sizes import disk_size
from gptoss.files.whole import OWN
from gptoss.hub.cache import repo_of_snapshot
from gptoss.model.checkpoint import Checkpoint
from gptoss.model.packing import Advance, Arrays, Packing, WeightType
from gptoss.model.safetensors import SafetensorsFile, TensorSpec
from gptoss.model.safetensors_writer import cannot_write, write_safetensors

# Changes with the layout of packed weights, so that a file of another version is made anew.
VERSION = "1"
# Metadata: the folder or file that the weights came from. No part of what tells files apart: folders are moved.
SOURCE = "source"
# Bytes of each weight file that tell two checkpoints of one shape apart, at so many places.
_SAMPLES, _SAMPLE_BYTES = 64, 256
# Of a checkpoint's name in that of the file, which systems limit to 255 bytes.
_NAME_CHARACTERS = 40
# Left free on the disk.
_SPARE_BYTES = 256 << 20
# MADV_POPULATE_READ of Linux.
_POPULATE_READ = 22
# Weights read between two times that their memory is given back.
_RELEASED_BYTES = 256 << 20


class PackedFile:
    """The cache file of a checkpoint, there or not."""

    def __init__(self, directory: Path, checkpoint: Checkpoint, weight_type: WeightType) -> None:
        self._metadata = {
            "gptoss_packed": VERSION,
            "weights": str(weight_type),
            "checkpoint": fingerprint(checkpoint),
        }
        self._checkpoint = checkpoint
        key = hashlib.sha256(repr(sorted(self._metadata.items())).encode()).hexdigest()[:16]
        location = checkpoint.location
        repo = repo_of_snapshot(location)
        # The folder of a commit in the hub's cache has a hash for a name.
        called = location.name if repo is None else repo.rpartition("/")[2]
        name = called[:_NAME_CHARACTERS]
        self.path = directory / f"{name}-{weight_type}-{key}.safetensors"

    def open(self, packing: Packing) -> Arrays | None:
        """The tensors, memory-mapped; None if there is no file.

        Raises CheckpointError for a file that is damaged, of another version or of other weights, or that others could
        have written. Values are not looked at: that would read all of them at each start.
        """
        if not os.path.lexists(self.path):
            return None
        file = SafetensorsFile(self.path, is_own=True)
        found = {name: file.metadata.get(name) for name in self._metadata}
        if found != self._metadata or tuple(file.tensors.values()) != packing.specs:
            raise CheckpointError(
                f"{self.path} is not used: it was made of other weights or by another version"
            )
        file.use_huge_pages()
        return {name: file.read(name) for name in file.tensors}

    def write(self, packing: Packing, advance: Advance) -> None:
        """Make the file; it appears under its name only when it is whole. `advance` hears of bytes written.

        Raises OutputError when the folder cannot be written to, or its disk has no room.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            require_room(self.path, room_for(packing))
        except OSError as error:
            raise cannot_write(self.path, error) from None
        unreleased = 0

        def pieces(spec: TensorSpec) -> Iterator[NDArray[Any]]:
            nonlocal unreleased
            for piece in packing.make(spec.name):
                yield piece
                advance(piece.nbytes)
                unreleased += piece.nbytes
                if unreleased >= _RELEASED_BYTES:
                    unreleased = 0
                    release(self._checkpoint)

        source = os.fsencode(self._checkpoint.location).decode("utf-8", "replace")
        write_safetensors(
            self.path, packing.specs, pieces, {**self._metadata, SOURCE: source}, mode=OWN
        )
        release(self._checkpoint)


def room_for(packing: Packing) -> int:
    """Bytes that a disk must have free for the file."""
    return packing.num_bytes + _SPARE_BYTES


def release(checkpoint: Checkpoint) -> None:
    """Give the memory of what was read of a checkpoint back: its packed form serves from now on."""
    for file in checkpoint.files:
        file.release()


def fingerprint(checkpoint: Checkpoint, *, with_times: bool = True) -> str:
    """What tells a checkpoint from every other: names, shapes, sizes, times of change and samples of its values.

    `with_times`: False for what is the same of a copy, and on another machine.
    """
    digest = hashlib.sha256()
    for file in checkpoint.files:
        status = file.status
        changed = status.st_mtime_ns if with_times else 0
        digest.update(f"{file.path.name} {status.st_size} {changed}".encode())
        digest.update(file.header)
        for sample in file.sample(_SAMPLES, _SAMPLE_BYTES):
            digest.update(sample)
    return digest.hexdigest()


def fault_in(arrays: Arrays) -> None:
    """Have the system map all of the arrays' pages, reading what is not in memory, on a thread of its own.

    Otherwise the first touch of each page would cost a token its time.
    """

    def run() -> None:
        for array in arrays.values():
            start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
            size = array.ctypes.data + array.nbytes - start
            # Systems before Linux 5.14 refuse, which changes nothing.
            if _libc().madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _POPULATE_READ) != 0:
                return

    if sys.platform == "linux":
        threading.Thread(target=run, name="gptoss-fault-in", daemon=True).start()


def lock_in_memory(arrays: Arrays) -> None:
    """Keep arrays in memory until the process ends, so that the system cannot take their pages back.

    Raises OutputError when the system does not allow it.
    """
    for array in arrays.values():
        if _libc().mlock(ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)) != 0:
            total = sum(each.nbytes for each in arrays.values())
            raise OutputError(
                f"cannot lock {disk_size(total)} of weights in memory: {os.strerror(ctypes.get_errno())}; raise "
                "the limit (ulimit -l), or leave --lock out"
            )


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
