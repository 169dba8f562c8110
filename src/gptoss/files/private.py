"""Keeps files that hold what users said to their user alone, whatever the umask."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from gptoss.files.regular import kind_of

PRIVATE = 0o600


def make_private_folder(path: Path) -> None:
    """Make a folder that only its user can enter, and those above it; one that is there stays as it is.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def make_private(path: Path) -> None:
    """Have a file that holds what users said, made if it is not there, readable by its user alone.

    Raises OSError for a link, for what is no regular file, for a file of another user, and for one that is open to
    others and has several names.
    """
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags, PRIVATE)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"it is a {kind_of(status.st_mode)}, wanted a regular file")
        if status.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, f"it belongs to user {status.st_uid}")
        if status.st_mode & 0o077:
            if status.st_nlink > 1:
                # Somebody may have given another file of this user's a name here.
                raise PermissionError(errno.EPERM, "it has another name as well")
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o700)
    finally:
        os.close(descriptor)
