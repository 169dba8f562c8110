"""A file under way: hashed while it comes, gone on with where it was cut, named only when its hash is right."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from gptoss.errors import PullError
from gptoss.hub.listing import HubFile

_PIECE = 4 << 20


class WrongBytesError(PullError):
    """More came than the file has: nothing of it can be believed."""


class Digest:
    """The hashes that a file of the hub is known by."""

    def __init__(self, file: HubFile) -> None:
        self._wanted: list[tuple[str, Any]] = []
        if file.is_large:
            self._wanted.append((file.blob, hashlib.sha256()))
        else:
            # As git names the files that it keeps.
            begun = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
            self._wanted.append((file.blob, begun))
        if file.sha256 is not None and file.sha256 != file.blob:
            self._wanted.append((file.sha256, hashlib.sha256()))

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        for _, state in self._wanted:
            state.update(data)

    def problem(self) -> str | None:
        """How the hashes differ from those wanted; None where they don't."""
        for wanted, state in self._wanted:
            if state.hexdigest() != wanted:
                return f"got the hash {state.hexdigest()}, wanted {wanted}"
        return None


class PartialFile:
    """Bytes of a file from its beginning, open for more. Raises OSError where it cannot be read or written."""

    def __init__(self, path: Path, file: HubFile, on_read: Callable[[int], object]) -> None:
        self._path, self._file = path, file
        self.size = 0
        self._digest = Digest(file)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        try:
            self._read_what_is_there(on_read)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    @property
    def is_complete(self) -> bool:
        """Whether it has as many bytes as the file."""
        return self.size == self._file.size

    def write(self, data: bytes) -> None:
        """Add bytes. Raises WrongBytesError when they are more than the file has."""
        if self.size + len(data) > self._file.size:
            raise WrongBytesError(
                f"{self._file.name} came with more than the {self._file.size:,} bytes that it has; it was thrown away, "
                "try again, or another source"
            )
        rest = memoryview(data)
        while rest:
            count = os.write(self._descriptor, rest)
            self._digest.update(bytes(rest[:count]))
            self.size += count
            rest = rest[count:]

    def restart(self) -> None:
        """Throw away what is there."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0
        self._digest = Digest(self._file)

    def discard(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)

    def problem(self) -> str | None:
        """Why the complete file is not the one wanted; None where it is."""
        return self._digest.problem()

    def take_name(self, path: Path) -> None:
        """Give the complete file, whose hash is right, its name."""
        # Otherwise a machine that stops could keep the name and lose the content.
        os.fsync(self._descriptor)
        os.replace(self._path, path)

    def _read_what_is_there(self, on_read: Callable[[int], object]) -> None:
        if os.fstat(self._descriptor).st_size > self._file.size:
            self.restart()
        while data := os.read(self._descriptor, _PIECE):
            self._digest.update(data)
            self.size += len(data)
            on_read(len(data))
            if self.size > self._file.size:
                raise OSError(errno.EBUSY, "another program writes to it")
