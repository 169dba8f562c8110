"""Folders for temporary files that end with their program, and are cleared away by the next one where it was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Between making a folder and locking it, another program must not take it for one that was left.
_LEFT_S = 60.0
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


class TemporaryFolder:
    """A folder of this user's alone. Programs that live hold a lock on theirs; the others' are removed first.

    prefix  of its name, by which those are known
    remove  removes one with all that is in it
    """

    def __init__(self, prefix: str, remove: Callable[[Path], object] = _remove) -> None:
        """Raises OSError."""
        self._remove = remove
        _clear_left(prefix, remove)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix))
            try:
                self._lock = os.open(self.path, _FOLDER)
            except FileNotFoundError:
                # Whoever was stopped for so long between both steps begins anew.
                continue
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.path.exists():
                return
            os.close(self._lock)

    def close(self) -> None:
        """Remove it; harmless when it was."""
        if self._lock >= 0:
            self._remove(self.path)
            os.close(self._lock)
            self._lock = -1


def _clear_left(prefix: str, remove: Callable[[Path], object]) -> None:
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            with contextlib.suppress(OSError):
                status = path.lstat()
                if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _LEFT_S:
                    continue
                descriptor = os.open(path, _FOLDER)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove(path)
                finally:
                    os.close(descriptor)
