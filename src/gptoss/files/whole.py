"""Writes files and folders that appear under their names only when they are whole.

Each is made under a name that nobody can guess or have planted a link at, and renamed when it is done. A link in its
place is replaced, never written through. What a killed run leaves is cleared away by the next one in the same folder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gptoss.files.regular import kind_of

# By the rules of the user's umask.
SHARED = 0o666
# Read by whom the umask lets, written by its user alone: what is to be believed when it is opened again.
OWN = 0o644

_PARTIAL = re.compile(r"\.gptoss-[0-9a-f]{32}\.partial")
# Between making a file and locking it, another program must not take it for one that was left.
_LEFT_S = 60.0
# What file systems without hard links answer, such as those of memory cards.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@contextmanager
def whole_file(path: Path, *, mode: int = SHARED, replaces: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends, and is gone when the block fails.

    Raises OSError when it cannot be written, or a folder or device is in its place; FileExistsError where anything is,
    if it `replaces` nothing.
    """
    with _folder_of(path) as folder:
        _require_replaceable(path, folder)
        _clear_left(path.parent)
        partial = _new_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(partial, flags, mode, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                _lock(descriptor)
                yield file
                file.flush()
                # Otherwise a machine that stops could keep the name and lose the content.
                os.fsync(descriptor)
                take_name = os.replace if replaces else _take_new_name
                take_name(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            # One that was renamed is not there any more.
            with contextlib.suppress(OSError):
                os.unlink(partial, dir_fd=folder)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` when the block ends, and is gone when the block fails.

    Raises OSError when it cannot be made, or something other than an empty folder is in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_left(path.parent)
    partial = path.with_name(_new_name())
    partial.mkdir()
    try:
        descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _lock(descriptor)
            yield partial
            partial.replace(path)
        finally:
            os.close(descriptor)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def is_partial(name: str) -> bool:
    """Whether a file or folder of this name is not whole, or was left by a killed run."""
    return _PARTIAL.fullmatch(name) is not None


def is_being_written(path: Path) -> bool:
    """Whether a program is still writing a partial file, as far as the file system has locks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """The folder, held: it stays the one that was opened, whatever happens to its name."""
    descriptor = os.open(
        path.parent, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    )
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _require_replaceable(path: Path, folder: int) -> None:
    try:
        mode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        raise OSError(errno.EEXIST, f"there is a {kind_of(mode)} of that name")


def _take_new_name(partial: str, name: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Give a file a further name, which nothing has."""
    try:
        os.link(partial, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            os.stat(name, dir_fd=dst_dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(partial, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None


def _new_name() -> str:
    return f".gptoss-{secrets.token_hex(16)}.partial"


def _lock(descriptor: int) -> None:
    """Show that it is being written; the lock ends with the program, however that ends."""
    # A file system without locks: then what is left there is not cleared either.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _clear_left(folder: Path) -> None:
    """Remove partial files and folders of this user that no program writes any more."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        found = [entry for entry in entries if is_partial(entry.name)]
        for entry in found:
            with contextlib.suppress(OSError):
                _clear(entry)


def _clear(entry: os.DirEntry[str]) -> None:
    status = entry.stat(follow_symlinks=False)
    is_old = time.time() - status.st_mtime > _LEFT_S
    is_folder, is_file = stat.S_ISDIR(status.st_mode), stat.S_ISREG(status.st_mode)
    if status.st_uid != os.geteuid() or not is_old or not (is_folder or is_file):
        return
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(entry.path, flags)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_folder:
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
    finally:
        os.close(descriptor)
