"""The folders of a sandbox without a file system of its own: on this machine's disk, for one user, gone at its end."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gptoss.errors import SandboxError
from gptoss.files.temporary import TemporaryFolder
from gptoss.tools.sandbox.folder import remove_tree

_PREFIX = "gptoss-sandbox-"


class Workplace:
    """A folder with `data` and `scratch` in it, which belong to `owner` (None: this user). Raises SandboxError."""

    def __init__(self, owner: int | None) -> None:
        try:
            self._folder = TemporaryFolder(_PREFIX, remove_tree)
            self.path = self._folder.path
            self._owner = owner
            if owner is not None:
                # To be walked through, and not listed.
                self.path.chmod(0o711)
            self.data, self.scratch = self._make("data"), self._make("scratch")
        except OSError as error:
            raise SandboxError(
                f"cannot make a folder for a sandbox: {error}; set TMPDIR to one with room"
            ) from None

    def renew_scratch(self) -> None:
        """An empty one, for another process."""
        remove_tree(self.scratch)
        if not self.scratch.exists():
            self._make("scratch")

    @contextlib.contextmanager
    def renewed_data(self) -> Iterator[tuple[Path, Path]]:
        """The folder as it was, and an empty one that takes its place; the first is removed in the end."""
        left = self.data.rename(self.path / "left")
        try:
            yield left, self._make("data")
        finally:
            remove_tree(left)

    def close(self) -> None:
        """Remove all of it. No process may be at work in it any more."""
        self._folder.close()

    def unlinked_bytes(self, pid: int, most_of_a_file: int) -> int | None:
        """Room that a process takes with files of its own that have no name any more; None where that cannot be seen.

        They are open, or mapped: nothing else keeps them, since it has no children and sends no descriptors. A mapping
        says nothing of how large its file is: one that is not open any more may be as large as any.
        """
        taken: dict[int, int] = {}
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(f"/proc/{pid}/fd/{name}")
                    if stat.S_ISREG(status.st_mode) and not status.st_nlink:
                        taken[status.st_ino] = status.st_blocks * 512
            with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
                for line in maps:
                    if str(self.path) in line and line.endswith(" (deleted)\n"):
                        place, _, _, _, inode, _ = line.split(" ", 5)
                        if int(inode) not in taken:
                            taken[int(inode)] = _mapped_bytes(pid, place, most_of_a_file)
        except (FileNotFoundError, ProcessLookupError):
            # It has ended.
            return sum(taken.values())
        except OSError:
            # Of one that has just ended nothing is shown to its own user either.
            return sum(taken.values()) if _has_ended(pid) else None
        return sum(taken.values())

    def _make(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(mode=0o700)
        if self._owner is not None:
            os.chown(folder, self._owner, self._owner)
        return folder


def _mapped_bytes(pid: int, place: str, most: int) -> int:
    """Room of a file that a process has mapped, if this user may look; else the most that it can be."""
    try:
        return os.stat(f"/proc/{pid}/map_files/{place}").st_blocks * 512
    except PermissionError:
        return most


def _has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return True
    return state in (b"Z", b"X")


def open_folder(path: Path | str) -> int:
    """A descriptor of a folder. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
