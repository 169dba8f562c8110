"""Which files a revision of a repository has, with sizes and hashes: checked before any of it is believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gptoss.errors import PullError, listed, shown
from gptoss.hub.released import COMMIT, is_wanted, lacking

_SHA256, _GIT_SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
# A terabyte: the largest file that is published has 14 GB.
_MOST_BYTES = 1 << 40
_MOST_FILES = 1000


@dataclass(frozen=True)
class HubFile:
    """A file of a revision. Its blob is named by its hash: sha256 for large ones, git's own for others.

    `sha256` is known of small ones as well where a manifest says it.
    """

    name: str
    size: int
    blob: str
    sha256: str | None = None

    @property
    def is_large(self) -> bool:
        """Whether its blob is named by sha256."""
        return bool(_SHA256.fullmatch(self.blob))


@dataclass(frozen=True)
class Listing:
    """The files of a commit, smallest first, and the branch or tag that led to it."""

    repo: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def wanted(self, *, original: bool) -> Listing:
        """The files that a model needs. Raises PullError where one is not there, or two have the same name."""
        files = [file for file in self.files if is_wanted(file.name, original=original)]
        missing = lacking((file.name for file in files), original=original)
        if missing:
            names = listed(file.name for file in self.files) or "nothing"
            raise PullError(
                f"{self.repo} holds no gpt-oss model: it lacks {listed(missing)} and has {names}; "
                "wanted safetensors files, config.json and tokenizer.json"
            )
        _require_distinct(self.repo, files)
        return Listing(self.repo, self.revision, self.commit, tuple(files))


def make_listing(
    repo: str, revision: str, commit: object, files: Iterable[HubFile], origin: str
) -> Listing:
    """A listing of what somebody said. Raises PullError for a commit that is none and for a name twice."""
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise PullError(f"{origin} names the commit {shown(commit)}, wanted 40 hexadecimal digits")
    found: dict[str, HubFile] = {}
    for file in files:
        if file.name in found:
            raise PullError(f"{origin} lists {shown(file.name)} twice")
        found[file.name] = file
    if len(found) > _MOST_FILES:
        raise PullError(f"{origin} lists {len(found):,} files, wanted at most {_MOST_FILES:,}")
    ordered = sorted(found.values(), key=lambda file: (file.size, file.name))
    return Listing(repo, revision, commit, tuple(ordered))


def file_of(entry: object, origin: str) -> HubFile:
    """A file as the hub or a manifest describes it. Raises PullError for what is missing or out of range."""
    fields: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {}
    name, size, blob = fields.get("name"), fields.get("size"), fields.get("blob")
    sha256 = fields.get("sha256")
    if not isinstance(name, str) or not name:
        raise PullError(f"{origin} lists a file without a name: {shown(entry)}")
    if type(size) is not int or not 0 <= size <= _MOST_BYTES:
        raise PullError(f"{origin}: {shown(name)} has the size {shown(size)}, wanted bytes")
    if not isinstance(blob, str) or not (_SHA256.fullmatch(blob) or _GIT_SHA1.fullmatch(blob)):
        raise PullError(
            f"{origin}: {shown(name)} has the hash {shown(blob)}, wanted sha256 or sha1"
        )
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise PullError(f"{origin}: {shown(name)} has the sha256 {shown(sha256)}, wanted 64 digits")
    return HubFile(name, size, blob, sha256)


def _require_distinct(repo: str, files: Iterable[HubFile]) -> None:
    """Raises PullError for names that some systems hold to be the same: one file would take the other's place."""
    found: dict[str, str] = {}
    for file in files:
        other = found.setdefault(file.name.lower(), file.name)
        if other != file.name:
            raise PullError(
                f"{repo} has {other} and {file.name}, which differ by case alone; wanted another revision of it"
            )
