"""A folder that untrusted code writes to, read and written from outside without ever leaving it.

Every step goes by a descriptor of the folder above and follows no link; only regular files are opened, and never waited
for. The code may rename and replace whatever it likes meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gptoss.errors import SandboxError, shown

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LEVELS, _MOST_NAME = 32, 255
_PIECE = 1 << 20


class Entry(NamedTuple):
    """A regular file as it was seen."""

    size: int
    changed_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a folder takes. `is_whole`: whether all of it was counted, not only as much as is too much."""

    num_bytes: int
    num_files: int
    is_whole: bool


class Folder:
    """A folder held by a descriptor, which it owns.

    owner  the user whose the files are that are put into it; None: this one
    """

    def __init__(self, descriptor: int, *, most_files: int, owner: int | None = None) -> None:
        self._descriptor = descriptor
        self._most_files = most_files
        self._owner = owner

    def close(self) -> None:
        """Give it back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def usage(self) -> Usage:
        """Room taken on the disk, and files and folders."""
        num_bytes, num_files = 0, 0
        try:
            for _, status in self._walk():
                num_files += 1
                num_bytes += status.st_blocks * 512
        except _TooMuchError:
            return Usage(num_bytes, num_files, is_whole=False)
        return Usage(num_bytes, num_files, is_whole=True)

    def entries(self) -> dict[str, Entry]:
        """Its regular files by their path beneath it; as many as it may have."""
        found: dict[str, Entry] = {}
        with contextlib.suppress(_TooMuchError):
            for path, status in self._walk():
                if stat.S_ISREG(status.st_mode):
                    found[path] = Entry(status.st_size, status.st_mtime_ns, status.st_ino)
        return dict(sorted(found.items()))

    def read(self, path: str, most_bytes: int) -> bytes:
        """A file's bytes. Raises SandboxError for what is missing, no regular file, or longer."""
        with self._open(path) as descriptor:
            parts, size = [], 0
            while part := os.read(descriptor, min(_PIECE, most_bytes + 1 - size)):
                parts.append(part)
                size += len(part)
                if size > most_bytes:
                    raise SandboxError(
                        f"{shown(path)} has more than {most_bytes:,} bytes; read less of it inside"
                    )
            return b"".join(parts)

    def open(self, path: str) -> BinaryIO:
        """A file to read, which stays what it was though another takes its name. Raises as `read`."""
        with self._open(path) as descriptor:
            return os.fdopen(os.dup(descriptor), "rb", buffering=0)

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        """Put a file there, in place of one that is there. Raises SandboxError."""
        *folders, name = _parts(path)
        try:
            with self._beneath(folders, makes=True) as folder:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                # One that appears meanwhile is not written through.
                descriptor = os.open(name, _WRITE, 0o644, dir_fd=folder)
                try:
                    self._give(descriptor)
                    for piece in _pieces(data):
                        rest = memoryview(piece)
                        while rest:
                            rest = rest[os.write(descriptor, rest) :]
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise _cannot("write", path, error) from None

    def remove(self, path: str) -> None:
        """Remove a file. Raises SandboxError."""
        *folders, name = _parts(path)
        try:
            with self._beneath(folders) as folder:
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            raise _cannot("remove", path, error) from None

    def copy_to(
        self, other: Folder, most_bytes: int, only: Mapping[str, Entry] | None = None
    ) -> None:
        """Copy its regular files, so many bytes of them in all, and leave out what cannot be.

        only  what is copied where it is still the same; None: everything
        """
        # By their names where these are known: among too many, they might not be seen.
        for path in self.entries() if only is None else only:
            with contextlib.suppress(SandboxError):
                if only is not None and only[path] != self._entry(path):
                    continue
                data = self.read(path, most_bytes)
                most_bytes -= len(data)
                other.write(path, data)

    def _entry(self, path: str) -> Entry:
        with self._open(path) as descriptor:
            status = os.fstat(descriptor)
            return Entry(status.st_size, status.st_mtime_ns, status.st_ino)

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """All that is in it. Raises _TooMuchError beyond what may be there."""
        num_files = 0
        # What is mounted beneath it, such as packages beneath /tmp, is none of it.
        device = os.fstat(self._descriptor).st_dev
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            folders = waiting.pop()
            if len(folders) > _MOST_LEVELS:
                raise _TooMuchError
            try:
                with self._beneath(list(folders)) as descriptor, os.scandir(descriptor) as found:
                    for entry in found:
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except OSError:
                            continue
                        if status.st_dev != device:
                            continue
                        num_files += 1
                        if num_files > self._most_files:
                            raise _TooMuchError
                        yield "/".join((*folders, entry.name)), status
                        if stat.S_ISDIR(status.st_mode):
                            waiting.append((*folders, entry.name))
            except PermissionError:
                # Closed by the code to everybody: what is in it cannot be counted.
                raise _TooMuchError from None
            except OSError:
                # Gone or replaced since it was seen.
                continue

    @contextlib.contextmanager
    def _open(self, path: str) -> Iterator[int]:
        *folders, name = _parts(path)
        try:
            with self._beneath(folders) as folder:
                descriptor = os.open(name, _READ, dir_fd=folder)
        except OSError as error:
            raise _cannot("read", path, error) from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SandboxError(f"{shown(path)} is no regular file; name one that is")
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _beneath(self, folders: list[str], *, makes: bool = False) -> Iterator[int]:
        """A descriptor of a folder beneath this one. Raises OSError."""
        descriptor = os.open(".", _FOLDER, dir_fd=self._descriptor)
        try:
            for name in folders:
                if makes:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o755, dir_fd=descriptor)
                below = os.open(name, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
                if makes and os.fstat(descriptor).st_uid == os.geteuid():
                    self._give(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def _give(self, descriptor: int) -> None:
        if self._owner is not None:
            os.fchown(descriptor, self._owner, self._owner)


def remove_tree(path: Path) -> None:
    """Remove a folder of any depth that no process writes to any more, as far as that is possible.

    Folders within folders are first moved up into it: no step goes deeper than two levels, and no path grows.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(path, _FOLDER)
        try:
            while _remove_level(descriptor):
                pass
        finally:
            os.close(descriptor)
        path.rmdir()


def _remove_level(descriptor: int) -> bool:
    """Remove files of a folder and of those in it, and move up what is in these; whether folders were left."""
    with os.scandir(descriptor) as found:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    folders = [name for name, is_folder in names if is_folder]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=descriptor)
    for name in folders:
        _make_enterable(name, descriptor)
        below = os.open(name, _FOLDER, dir_fd=descriptor)
        try:
            with os.scandir(below) as found:
                for entry in found:
                    if entry.is_dir(follow_symlinks=False):
                        place = secrets.token_hex(16)
                        _make_enterable(entry.name, below)
                        os.rename(entry.name, place, src_dir_fd=below, dst_dir_fd=descriptor)
                    else:
                        os.unlink(entry.name, dir_fd=below)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=descriptor)
    return bool(folders)


def _make_enterable(name: str, folder: int) -> None:
    """Let this user enter, and move elsewhere, a folder that was made such that nobody can."""
    held = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        # By its descriptor: whatever has that name by now is left as it is.
        os.chmod(f"/proc/self/fd/{held}", 0o700)
    finally:
        os.close(held)


class _TooMuchError(Exception):
    """There is more in a folder than there may be."""


def _pieces(data: bytes | BinaryIO) -> Iterator[bytes | memoryview]:
    if isinstance(data, bytes):
        whole = memoryview(data)
        yield from (whole[at : at + _PIECE] for at in range(0, len(whole), _PIECE))
        return
    while piece := data.read(_PIECE):
        yield piece


def _parts(path: str) -> list[str]:
    """The names of a path beneath a folder. Raises SandboxError for one that leads out of it, or nowhere."""
    parts = path.split("/")
    if len(parts) > _MOST_LEVELS:
        raise SandboxError(f"got {shown(path)}, wanted a path of at most {_MOST_LEVELS} names")
    for name in parts:
        if name in ("", ".", "..") or "\0" in name or len(os.fsencode(name)) > _MOST_NAME:
            raise SandboxError(
                f"got {shown(path)}, wanted a path beneath /mnt/data such as results/table.csv"
            )
    return parts


def _cannot(what: str, path: str, error: OSError) -> SandboxError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return SandboxError(f"cannot {what} {shown(path)}: it is a link, or lies behind one")
    return SandboxError(f"cannot {what} {shown(path)}: {error.strerror}; see what is there")
