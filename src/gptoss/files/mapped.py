"""Files mapped into memory: read where they lie, looked at here and there, and given back to the system."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path


class MappedFile:
    """An open file's bytes, read-only.

    One that shrinks while it is mapped ends the process (SIGBUS) when its lost part is touched: whoever may write to it
    can do that. Raises OSError, or ValueError for an empty file.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.status = os.fstat(descriptor)
        self._mapped = mmap.mmap(descriptor, self.status.st_size, access=mmap.ACCESS_READ)

    def sample(self, num_samples: int, num_bytes: int) -> Iterator[bytes]:
        """Bytes from so many places at equal distances, the last ones included."""
        last = max(0, len(self._mapped) - num_bytes)
        for index in range(num_samples):
            start = last * index // max(1, num_samples - 1)
            yield self._mapped[start : start + num_bytes]

    def has_changed(self) -> bool:
        """Whether it was written to since it was opened. A file that has taken its name is another one."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        then = self.status
        is_same_file = (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)
        is_as_it_was = (now.st_size, now.st_mtime_ns) == (then.st_size, then.st_mtime_ns)
        return is_same_file and not is_as_it_was

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
