"""Opens files that nobody vouches for: only regular ones, without ever waiting, and never more of them than allowed.

A path may lead to a FIFO, on which opening waits for a writer, or to a device, which may do something when it is opened
and never end when it is read. Every file that is read as a whole or mapped is opened here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
# What a group or others could have written.
_LOOSE = stat.S_IWGRP | stat.S_IWOTH
# Read at a time, so that a file that grows meanwhile is given up early.
_PIECE = 1 << 20


@contextmanager
def open_regular(path: Path) -> Iterator[int]:
    """A descriptor for reading, closed in the end. Raises OSError for what is missing or no regular file."""
    descriptor = _open(path, 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_own(path: Path) -> Iterator[int]:
    """As `open_regular`, of a file that this program may believe: it is no link, and only its user or root wrote it.

    Raises OSError otherwise.
    """
    descriptor = _open(path, os.O_NOFOLLOW)
    try:
        _require_own(os.fstat(descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def read_file(path: Path, most: int) -> bytes:
    """All bytes of a regular file. Raises OSError, also for a file of more than `most` bytes."""
    with open_regular(path) as descriptor:
        parts, size = [], 0
        while part := os.read(descriptor, min(_PIECE, most + 1 - size)):
            parts.append(part)
            size += len(part)
            if size > most:
                raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
        return b"".join(parts)


def read_at(descriptor: int, num_bytes: int, offset: int) -> bytes:
    """So many bytes from a place of a file. Raises OSError when it ends before."""
    parts = []
    while num_bytes:
        part = os.pread(descriptor, num_bytes, offset)
        if not part:
            raise OSError(errno.EIO, "it ends early")
        parts.append(part)
        num_bytes -= len(part)
        offset += len(part)
    return b"".join(parts)


def kind_of(mode: int) -> str:
    """The name of a kind of file, by its mode."""
    return _KINDS.get(stat.S_IFMT(mode), "regular file")


def _open(path: Path, flags: int) -> int:
    try:
        # Looked at before: opening a device may already do something. And after, when nobody can exchange it any more.
        _require_regular(os.stat(path, follow_symlinks=not flags & os.O_NOFOLLOW))
        descriptor = os.open(path, _FLAGS | flags)
    except ValueError as error:
        # A NUL in the path.
        raise OSError(errno.EINVAL, str(error)) from None
    try:
        _require_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, f"it is a {kind_of(status.st_mode)}, wanted a regular file")


def _require_own(status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise PermissionError(
            errno.EPERM, f"it belongs to user {status.st_uid}, who could have put anything into it"
        )
    if status.st_mode & _LOOSE:
        mode = stat.S_IMODE(status.st_mode)
        raise PermissionError(errno.EPERM, f"others may write to it (mode {mode:o})")
