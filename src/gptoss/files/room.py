"""What disks have free, asked before much is written to them."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from gptoss.files.sizes import disk_size


def free_bytes(path: Path) -> int:
    """What the disk of a file or folder, which need not be there, has free. Raises OSError."""
    path = path.absolute()
    return shutil.disk_usage(next(each for each in (path, *path.parents) if each.exists())).free


def require_room(path: Path, wanted: int) -> None:
    """Raises OSError when the disk of a file or folder, which need not be there, has less room."""
    free = free_bytes(path)
    if free < wanted:
        raise OSError(
            errno.ENOSPC, f"its disk has {disk_size(free)} free, wanted {disk_size(wanted)}"
        )
