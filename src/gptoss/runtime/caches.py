"""Lists and removes what this program keeps on the disk for speed: packed weights, and prefixes of conversations."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gptoss.engine.prefix_file import VERSION as PREFIX_VERSION
from gptoss.errors import GptossError, OutputError
from gptoss.files.regular import open_own
from gptoss.files.whole import is_being_written
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packed_file import SOURCE, fingerprint
from gptoss.model.packed_file import VERSION as PACKED_VERSION
from gptoss.model.safetensors import Header
from gptoss.model.safetensors_writer import cannot_write

_NAME = re.compile(r"(?P<model>.+)-(?P<form>stored|int8|prefixes)-[0-9a-f]{16}\.safetensors", re.S)
# As `gptoss.files.whole` names what is not finished.
_UNFINISHED = re.compile(r"\.gptoss-[0-9a-f]{32}\.partial")


@dataclass(frozen=True, slots=True)
class CachedFile:
    """One file in a cache.

    kind      `weights`, `prefixes` or `unfinished`
    model     the name of what it was made of
    form      how weights are kept, `stored` or `int8`; empty for others
    num_bytes  that it takes on the disk
    last_used  seconds since 1970; a file system may tell the day alone
    unused    why it is not read any more; empty where it is, or where it is being written
    source    the folder or file that weights were made of, where that is known
    """

    path: Path
    kind: str
    model: str
    form: str
    num_bytes: int
    last_used: float
    unused: str
    source: Path | None


def cached_files(folder: Path) -> list[CachedFile]:
    """Files in a folder that this program has made there, the largest first; others are left out.

    Raises OutputError for a folder that cannot be read. One that is not there has none.
    """
    try:
        with os.scandir(folder) as entries:
            found = [file for entry in entries for file in _files_of(entry)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"cannot read {folder}: {error.strerror}; name another folder") from None
    return sorted(found, key=lambda file: (-file.num_bytes, file.path.name))


def remove(file: CachedFile) -> None:
    """Remove one, also while a program reads it, which keeps what it has.

    Raises OutputError where that is not allowed.
    """
    try:
        file.path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(file.path, error) from None


def _files_of(entry: os.DirEntry[str]) -> Iterator[CachedFile]:
    """The file of an entry, if this program made it."""
    with contextlib.suppress(OSError):
        status = entry.stat(follow_symlinks=False)
        named, is_unfinished = _NAME.fullmatch(entry.name), _UNFINISHED.fullmatch(entry.name)
        if not stat.S_ISREG(status.st_mode) or not (named or is_unfinished):
            return
        path = Path(entry.path)
        source: Path | None = None
        unused = "" if is_being_written(path) else "not finished"
        kind, model, form = "unfinished", "", ""
        if named is not None:
            model, form = named["model"], named["form"]
            kind = "prefixes" if form == "prefixes" else "weights"
            unused, source = _state(path, kind)
        yield CachedFile(
            path,
            kind,
            model,
            "" if kind != "weights" else form,
            status.st_blocks * 512,
            max(status.st_atime, status.st_mtime),
            unused,
            source,
        )


def _state(path: Path, kind: str) -> tuple[str, Path | None]:
    """Why a file is not read any more, or nothing where it is, as far as can be told; and what it was made of."""
    try:
        with open_own(path) as descriptor:
            metadata = Header.read(descriptor).metadata
    except OSError as error:
        return error.strerror or str(error), None
    except ValueError:
        return "damaged", None
    if kind == "prefixes":
        return "" if metadata.get(
            "gptoss_prefixes"
        ) == PREFIX_VERSION else "of another version", None
    # Those made before it was written down say nothing.
    source = Path(metadata[SOURCE]) if SOURCE in metadata else None
    if metadata.get("gptoss_packed") != PACKED_VERSION:
        return "of another version", source
    if source is None:
        return "", None
    try:
        is_same = fingerprint(open_checkpoint(source)) == metadata.get("checkpoint")
    except GptossError:
        return "its checkpoint is gone", source
    return "" if is_same else "its checkpoint has changed", source
