"""A plain mirror of a model, in a folder or behind an address: read as a source, and written from the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from gptoss.errors import PullError
from gptoss.files.regular import open_regular, read_file
from gptoss.files.whole import whole_file
from gptoss.hub import manifest, transport
from gptoss.hub.listing import HubFile, Listing
from gptoss.hub.partial_file import Digest
from gptoss.hub.store import Reading, SourceInterrupted, Store, Watcher, require_room

_PIECE = 4 << 20


class FolderMirror:
    """A folder with the files and their manifest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listing(self) -> Listing:
        """What the manifest lists. Raises PullError."""
        path = self._folder / manifest.NAME
        try:
            data = read_file(path, manifest.MOST_BYTES)
        except OSError as error:
            raise PullError(
                f"cannot read {path}: {error.strerror}; wanted a folder that `gptoss pull --manifest` made"
            ) from None
        return manifest.read_manifest(data, str(path))

    @contextmanager
    def read(self, file: HubFile, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The bytes from `start` on. Raises PullError."""
        path = self._folder / file.name
        with ExitStack() as stack:
            try:
                descriptor = stack.enter_context(open_regular(path))
                size = os.fstat(descriptor).st_size
                os.lseek(descriptor, start, os.SEEK_SET)
            except OSError as error:
                raise PullError(
                    f"cannot read {path}, which the manifest lists: {error.strerror}; copy it again"
                ) from None
            if size != file.size:
                raise PullError(
                    f"{path} has {size:,} bytes, wanted {file.size:,} by its manifest; copy it again"
                )
            yield start, _pieces(descriptor, path)


class WebMirror:
    """Such a folder behind an address. No token is sent to it."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def listing(self) -> Listing:
        """What the manifest lists. Raises PullError."""
        url = f"{self._address}/{manifest.NAME}"
        try:
            data = transport.read_all(url, {}, manifest.MOST_BYTES)
        except SourceInterrupted as error:
            raise PullError(f"cannot reach the mirror: {error}; see its address") from None
        return manifest.read_manifest(data, url)

    def read(self, file: HubFile, start: int) -> Reading:
        """Where the bytes begin, at `start` or at 0, and the bytes. Raises PullError, SourceInterrupted."""
        return transport.read_file(f"{self._address}/{quote(file.name)}", {}, file, start)


def require_place(folder: Path, listing: Listing) -> None:
    """Raises PullError where a mirror would take the place of a file that is of none, such as of a person's model.

    What an earlier mirror's manifest lists may be written anew, and so may what is as it was published: a copy that was
    cut has no manifest yet.
    """
    try:
        known = _listed_in(folder)
        for file in listing.files:
            path = folder / file.name
            if file.name not in known and os.path.lexists(path) and not _is_published(path, file):
                raise _taken(path)
    except OSError as error:
        raise PullError(f"cannot write the mirror {folder}: {error.strerror or error}") from None


def write_mirror(folder: Path, store: Store, listing: Listing, watcher: Watcher) -> str:
    """Copy a listing's files, which the store holds, into a folder, with their manifest; its sha256.

    Raises PullError, also for a file that is damaged in the cache.
    """
    require_room(folder, listing.size, "name a folder on a larger disk")
    files = []
    try:
        for file in listing.files:
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as out:
                files.append(_copy(store.blob(file), file, out, watcher))
        data = manifest.write_manifest(replace(listing, files=tuple(files)))
        with whole_file(folder / manifest.NAME) as out:
            out.write(data)
    except OSError as error:
        raise PullError(f"cannot write the mirror {folder}: {error.strerror or error}") from None
    return hashlib.sha256(data).hexdigest()


def _listed_in(folder: Path) -> set[str]:
    """The files of the mirror that a folder is, if it is one. Raises PullError for a manifest of something else."""
    path = folder / manifest.NAME
    if not os.path.lexists(path):
        return set()
    try:
        found = manifest.read_manifest(read_file(path, manifest.MOST_BYTES), str(path))
    except PullError:
        raise _taken(path) from None
    return {file.name for file in found.files}


def _taken(path: Path) -> PullError:
    return PullError(
        f"{path} is there already, and not a mirror's; name a new folder, so that nothing is overwritten"
    )


def _is_published(path: Path, file: HubFile) -> bool:
    """Whether a file is the published one. Raises OSError for what is no regular file."""
    digest = Digest(file)
    with open_regular(path) as descriptor:
        if os.fstat(descriptor).st_size != file.size:
            return False
        for piece in _pieces(descriptor, path):
            digest.update(piece)
    return digest.problem() is None


def _copy(blob: Path, file: HubFile, out: BinaryIO, watcher: Watcher) -> HubFile:
    digest, sha256 = Digest(file), hashlib.sha256()
    with open_regular(blob) as descriptor:
        for piece in _pieces(descriptor, blob):
            digest.update(piece)
            sha256.update(piece)
            out.write(piece)
            watcher.moved(len(piece))
    problem = digest.problem()
    if problem is not None:
        raise PullError(f"{blob} is damaged: {problem}; delete it and pull again")
    return replace(file, sha256=sha256.hexdigest())


def _pieces(descriptor: int, path: Path) -> Iterator[bytes]:
    try:
        while piece := os.read(descriptor, _PIECE):
            yield piece
    except OSError as error:
        raise PullError(f"cannot read {path}: {error.strerror}") from None
