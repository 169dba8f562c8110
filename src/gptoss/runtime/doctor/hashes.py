"""Hashes under which files were published, where this machine knows them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gptoss.errors import PullError
from gptoss.files.regular import read_file
from gptoss.hub import manifest
from gptoss.hub.listing import HubFile, Listing
from gptoss.runtime.doctor.subject import Subject

_BLOB = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
# As Ollama names what it fetches.
_OLLAMA = re.compile(r"sha256-(?P<hash>[0-9a-f]{64})")
# What the hub's library writes beside files that it fetched into a folder: a commit, a hash, a time.
_DOWNLOADS = Path(".cache") / "huggingface" / "download"
_MOST_BYTES = 1024


class PublishedHashes:
    """Knows them for a model: by names of blobs in the hub's cache, by a mirror's manifest, or as they were fetched.

    `problem` says what is wrong with the manifest, if there is one and it cannot be read.
    """

    def __init__(self, subject: Subject) -> None:
        self._top = subject.folder.parent if subject.is_original else subject.folder
        self.problem: str | None = None
        listing = self._read_manifest()
        self._listed = {} if listing is None else {file.name: file for file in listing.files}

    def of(self, path: Path) -> HubFile | None:
        """What a file was published as, with the size that it had, or has; None where that is not known.

        Raises OSError for a file that is not there.
        """
        name = os.path.relpath(path, self._top)
        if name in self._listed:
            return self._listed[name]
        size, target = path.stat().st_size, path.resolve()
        if target.parent.name == "blobs" and _BLOB.fullmatch(target.name):
            return HubFile(name, size, target.name)
        named = _OLLAMA.fullmatch(target.name)
        if named is not None:
            return HubFile(name, size, named["hash"])
        fetched = self._as_fetched(name)
        return None if fetched is None else HubFile(name, size, fetched)

    def lists(self, path: Path) -> bool:
        """Whether the manifest names a file, which need not be there."""
        return os.path.relpath(path, self._top) in self._listed

    def _read_manifest(self) -> Listing | None:
        path = self._top / manifest.NAME
        if not os.path.lexists(path):
            return None
        try:
            return manifest.read_manifest(read_file(path, manifest.MOST_BYTES), str(path))
        except OSError as error:
            self.problem = f"cannot read {path}: {error.strerror or error}"
        except PullError as error:
            self.problem = str(error)
        return None

    def _as_fetched(self, name: str) -> str | None:
        try:
            text = read_file(self._top / _DOWNLOADS / f"{name}.metadata", _MOST_BYTES)
            lines = text.decode("ascii").split()
        except (OSError, UnicodeDecodeError):
            return None
        return lines[1] if len(lines) > 1 and _BLOB.fullmatch(lines[1]) else None
