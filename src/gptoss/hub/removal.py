"""Takes a model out of the hub's cache: the links of its commit, and the blobs that no other commit uses."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gptoss.errors import RemovalError
from gptoss.files.regular import read_file
from gptoss.hub.cache import cache_folder, held_snapshots, repo_folder


def commit_paths(repo: str, snapshot: Path) -> list[Path]:
    """What goes with a commit, each folder after what is in it; with the last one, all of the repository.

    Raises RemovalError where that would reach beyond the cache.
    """
    others = [each for each in held_snapshots(repo) if each != snapshot]
    if not others:
        return repo_paths(repo)
    folder = _own_folder(repo)
    links = list(_below(snapshot))
    refs = [path for path in _below(folder / "refs") if _refers_to(path, snapshot.name)]
    return [*refs, *links, snapshot, *_unused_blobs(folder, links, others)]


def repo_paths(repo: str) -> list[Path]:
    """Everything of a repository in the cache, what is not finished as well. Raises as `commit_paths` does."""
    folder, locks = _own_folder(repo), cache_folder() / ".locks" / repo_folder(repo).name
    # What makes a model one goes first: what is left by a program that is ended here is no model.
    parts = (folder / name for name in ("refs", "snapshots"))
    first = [path for part in parts if part.is_dir() for path in (*_below(part), part)]
    rest = [path for path in _below(folder) if path not in set(first)]
    return [*first, *rest, folder, *_below(locks), *([locks] if locks.is_dir() else [])]


def file_paths(repo: str, files: Iterable[Path]) -> list[Path]:
    """What goes with some files of a commit: their links, and the blobs that no other file uses."""
    links = set(files)
    snapshots = held_snapshots(repo)
    others = [path for each in snapshots for path in _below(each) if path not in links]
    return [*sorted(links), *_unused_blobs(_own_folder(repo), links, others)]


def remove_paths(paths: Iterable[Path]) -> int:
    """Remove files and links, and folders that are empty by then; the bytes of disk that it freed.

    Raises RemovalError where that is not allowed.
    """
    freed = 0
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.rmdir()
                continue
            status = path.lstat()
            path.unlink()
            # Of several names of a file the last one.
            freed += status.st_blocks * 512 if status.st_nlink == 1 else 0
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RemovalError(
                f"cannot remove {path}: {error.strerror}; ask whose it is, or stop the program that uses it"
            ) from None
    return freed


def _own_folder(repo: str) -> Path:
    """The folder of a repository. Raises RemovalError where it, or what it holds files in, is a link.

    What is behind one may be another repository's as well, of which nothing here tells.
    """
    folder = repo_folder(repo)
    for path in (folder, *(folder / name for name in ("blobs", "snapshots"))):
        if path.is_symlink():
            raise RemovalError(
                f"{path} is a link to {os.path.realpath(path)}; remove what is there, and the link, yourself"
            )
    return folder


def _unused_blobs(folder: Path, links: Iterable[Path], others: Iterable[Path]) -> list[Path]:
    """The blobs behind links that none of the other files, or files of the other folders, lead to."""
    used = {
        os.path.realpath(path)
        for each in others
        for path in (_below(each) if each.is_dir() else [each])
    }
    blobs = os.path.realpath(folder / "blobs")
    found = {os.path.realpath(path) for path in links if path.is_symlink()}
    # A link may lead anywhere; what lies elsewhere stays.
    return [Path(path) for path in sorted(found - used) if os.path.dirname(path) == blobs]


def _below(folder: Path) -> Iterator[Path]:
    """All that a folder holds, each folder after what is in it; links are not followed."""
    if folder.is_symlink():
        return
    for here, folders, files in os.walk(folder, topdown=False):
        yield from (Path(here, name) for name in (*files, *folders))


def _refers_to(ref: Path, commit: str) -> bool:
    try:
        return read_file(ref, 80).strip() == commit.encode("ascii")
    except OSError:
        return False
