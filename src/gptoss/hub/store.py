"""Brings files of a commit into the hub's cache, so that a model in it is whole or not there.

The hub's library throws away what came of a file when its program is ended. Here it stays, beside the finished ones,
and the next run goes on with it. Locks are the library's own: whoever else fetches the same file waits.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from gptoss.errors import PullError
from gptoss.files import room
from gptoss.files.sizes import disk_size
from gptoss.files.whole import whole_file
from gptoss.hub.cache import cache_folder, repo_folder
from gptoss.hub.listing import HubFile, Listing
from gptoss.hub.partial_file import PartialFile, WrongBytesError
from gptoss.hub.released import UNFINISHED

# Connections that bring nothing new before it is given up.
MOST_TRIES = 6
# Waited before the next one, twice that after one that brought nothing, and so on.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 16.0


# Where a file's bytes begin, and the bytes.
Reading = AbstractContextManager[tuple[int, Iterator[bytes]]]


class SourceInterrupted(Exception):
    """A connection broke or was refused for a while; another may go on."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Source(Protocol):
    """Where files come from."""

    def read(self, file: HubFile, start: int) -> Reading:
        """Where the bytes begin, at `start` or at 0, and the bytes. Raises PullError, SourceInterrupted."""
        ...


class Watcher(Protocol):
    """Who sees how far it is."""

    def moved(self, num_bytes: int) -> None:
        """So many bytes more are here; fewer, if it is negative."""
        ...

    def said(self, text: str) -> None:
        """Something that a person waits for."""
        ...


class Store:
    """A repository's folder in the cache."""

    def __init__(self, repo: str) -> None:
        self._folder = repo_folder(repo)
        self._locks = cache_folder() / ".locks" / self._folder.name

    def snapshot(self, commit: str) -> Path:
        """The folder of a commit, which need not be there."""
        return self._folder / "snapshots" / commit

    def blob(self, file: HubFile) -> Path:
        """The path of a file's bytes."""
        return self._folder / "blobs" / file.blob

    def holds(self, file: HubFile) -> bool:
        """Whether all of the file is here."""
        return _size(self.blob(file)) == file.size

    def missing_bytes(self, listing: Listing) -> int:
        """Bytes that are still to come."""
        # Files that are the same are one blob.
        blobs = {file.blob: file for file in listing.files if not self.holds(file)}
        return sum(max(0, file.size - (_size(self._partial(file)) or 0)) for file in blobs.values())

    def require_room(self, listing: Listing) -> None:
        """Raises PullError when the disk has less room than what is still to come takes."""
        require_room(self._folder, self.missing_bytes(listing), "set HF_HOME to a larger one")

    def fetch(self, file: HubFile, source: Source, watcher: Watcher) -> None:
        """Bring a file here, or what is missing of it; its hash is checked before it has its name.

        Raises PullError; what came stays and is gone on with, unless it was wrong.
        """
        if self.holds(file):
            # Nothing is written, where others keep models for all.
            watcher.moved(file.size)
            return
        try:
            self.blob(file).parent.mkdir(parents=True, exist_ok=True)
            self._locks.mkdir(parents=True, exist_ok=True)
            with self._lock(file, watcher):
                if self.holds(file):
                    watcher.moved(file.size)
                else:
                    self._receive(file, source, watcher)
        except OSError as error:
            raise PullError(_disk_problem(error, file, self._folder)) from None

    def link(self, listing: Listing) -> Path:
        """Make all files, which are here, visible as the commit's, and give its branch its name; the folder.

        Raises PullError.
        """
        folder = self.snapshot(listing.commit)
        try:
            # Whoever looks for a model looks for its configuration, which therefore comes last.
            for file in sorted(listing.files, key=lambda file: file.name.endswith("config.json")):
                self._link(folder / file.name, self.blob(file))
            self._refer(listing)
        except OSError as error:
            raise PullError(
                f"cannot link the files of {listing.repo} in {folder}: {error.strerror or error}; "
                "set HF_HOME to a folder on a disk that takes links"
            ) from None
        return folder

    def _receive(self, file: HubFile, source: Source, watcher: Watcher) -> None:
        with PartialFile(self._partial(file), file, watcher.moved) as partial:
            was_there = partial.size > 0
            connections = _fill(partial, file, source, watcher)
            problem = partial.problem()
            if problem is not None and (was_there or connections > 1):
                # The parts may be of different files, if what lies behind the address has changed.
                watcher.said(f"{file.name}: its parts do not fit together, beginning again")
                _restart(partial, watcher)
                _fill(partial, file, source, watcher)
                problem = partial.problem()
            if problem is not None:
                partial.discard()
                raise PullError(
                    f"{file.name} is not what was promised: {problem}; it was thrown away, try again, or another source"
                )
            partial.take_name(self.blob(file))

    def _partial(self, file: HubFile) -> Path:
        return self._folder / "blobs" / f"{file.blob}{UNFINISHED}"

    @contextmanager
    def _lock(self, file: HubFile, watcher: Watcher) -> Iterator[None]:
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        path = self._locks / f"{file.blob}.lock"
        try:
            with WeakFileLock(path, timeout=0.2):
                yield
                return
        except Timeout:
            watcher.said(f"{file.name}: another program fetches it, waiting")
        with WeakFileLock(path):
            yield

    def _refer(self, listing: Listing) -> None:
        """Have the branch or tag mean the commit."""
        ref, commit = self._folder / "refs" / listing.revision, listing.commit.encode("ascii")
        if listing.revision == listing.commit or (ref.is_file() and ref.read_bytes() == commit):
            return
        ref.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(ref) as out:
            out.write(commit)

    def _link(self, path: Path, blob: Path) -> None:
        if path.is_file() and os.path.samefile(path, blob):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.{os.getpid()}.link")
        made.unlink(missing_ok=True)
        made.symlink_to(os.path.relpath(blob, path.parent))
        os.replace(made, path)


def require_room(folder: Path, wanted: int, remedy: str) -> None:
    """Raises PullError when the disk of a folder, which need not be there, has less room."""
    free = free_bytes(folder)
    if free < wanted:
        raise PullError(
            f"the disk of {folder} has {disk_size(free)} free, wanted {disk_size(wanted)}; make room, or {remedy}"
        )


def free_bytes(folder: Path) -> int:
    """What the disk of a folder, which need not be there, has free. Raises PullError."""
    try:
        return room.free_bytes(folder)
    except OSError as error:
        raise PullError(f"cannot look at the disk of {folder}: {error.strerror}") from None


def _fill(partial: PartialFile, file: HubFile, source: Source, watcher: Watcher) -> int:
    """Bring the missing bytes, with as many connections as it takes while each brings some; their number."""
    best, tries, connections = partial.size, 0, 0
    while not partial.is_complete:
        connections += 1
        wait_s, reason = 0.0, "the connection ended"
        try:
            with source.read(file, partial.size) as (start, pieces):
                if start != partial.size:
                    _restart(partial, watcher)
                for piece in pieces:
                    partial.write(piece)
                    watcher.moved(len(piece))
        except SourceInterrupted as error:
            wait_s, reason = error.wait_s, str(error)
        except WrongBytesError:
            partial.discard()
            raise
        if partial.is_complete:
            break
        tries = 0 if partial.size > best else tries + 1
        best = max(best, partial.size)
        if tries >= MOST_TRIES:
            raise PullError(
                f"{file.name} was cut at {partial.size:,} of {file.size:,} bytes ({reason}); what came stays, "
                "run the command again to go on"
            )
        wait_before(tries, wait_s)
    return connections


def wait_before(tries: int, at_least_s: float) -> None:
    """Sleep before another connection, after so many that brought nothing."""
    time.sleep(max(at_least_s, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**tries)))


def _restart(partial: PartialFile, watcher: Watcher) -> None:
    watcher.moved(-partial.size)
    partial.restart()


def _disk_problem(error: OSError, file: HubFile, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk of {folder} is full, {file.name} takes {file.size:,} bytes; make room and run the command "
            "again to go on, or set HF_HOME to a larger disk"
        )
    return f"cannot keep {file.name} in {folder}: {error.strerror or error}; set HF_HOME to another folder"


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
