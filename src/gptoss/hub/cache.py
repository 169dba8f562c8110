"""The hub's cache on this machine: where it lies, and which models are in it.

Its layout is documented and shared by transformers, vLLM and others: `blobs` by their hashes, `snapshots/COMMIT` with
links to them, `refs/BRANCH` with a commit. Nothing here imports the hub's library, which takes a while.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gptoss.files.regular import read_file
from gptoss.hub.released import COMMIT, is_revision

MAIN = "main"
_PREFIX, _BETWEEN = "models--", "--"


def cache_folder() -> Path:
    """The folder of the cache, by the variables that the hub's library reads."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if named := os.environ.get(variable):
            return _expanded(named)
    if home := os.environ.get("HF_HOME"):
        return _expanded(home) / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return _expanded(base) / "huggingface" / "hub"


def repo_folder(repo: str) -> Path:
    """The folder of a repository in the cache, which need not be there."""
    return cache_folder() / f"{_PREFIX}{repo.replace('/', _BETWEEN)}"


def find_snapshot(repo: str, revision: str | None = None) -> Path | None:
    """The folder of a model in the cache, if its weights are in it.

    Without a revision, `main`; where only others were pulled, the newest of them.
    """
    return next((path for path in _snapshots(repo, revision) if _has_weights(path)), None)


def find_file(repo: str, name: str) -> Path | None:
    """A file of a repository that is in the cache: that of `main`, else of the newest commit that has it."""
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        return None
    files = (snapshot / name for snapshot in held_snapshots(repo))
    return next((path for path in files if path.is_file()), None)


def held_snapshots(repo: str) -> list[Path]:
    """The folders of a repository's commits in the cache: that of `main` first, then the newest."""
    main = _commit(repo, MAIN)
    folders = _folders(repo_folder(repo) / "snapshots")
    return sorted(folders, key=lambda path: (path.name == main, path.stat().st_mtime), reverse=True)


def held_repos() -> Iterator[str]:
    """The repositories of models that have a folder in the cache."""
    for folder in sorted(_folders(cache_folder())):
        repo = _repo(folder)
        if repo is not None:
            yield repo


def repo_of_snapshot(directory: Path) -> str | None:
    """The repository that a folder is a commit of, by its path; None for other folders."""
    folder = directory.absolute()
    is_snapshot = bool(COMMIT.fullmatch(folder.name)) and folder.parent.name == "snapshots"
    return _repo(folder.parents[1]) if is_snapshot else None


def _snapshots(repo: str, revision: str | None) -> list[Path]:
    """That of the revision; without one that of `main`, or all where there is none."""
    if revision is None and not (repo_folder(repo) / "refs" / MAIN).is_file():
        return held_snapshots(repo)
    commit = _commit(repo, MAIN if revision is None else revision)
    return [] if commit is None else [repo_folder(repo) / "snapshots" / commit]


def _repo(folder: Path) -> str | None:
    owner, between, name = folder.name.removeprefix(_PREFIX).partition(_BETWEEN)
    return f"{owner}/{name}" if folder.name.startswith(_PREFIX) and between else None


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(os.path.expanduser(path)))


def _commit(repo: str, revision: str) -> str | None:
    if COMMIT.fullmatch(revision):
        return revision
    if not is_revision(revision):
        return None
    try:
        text = read_file(repo_folder(repo) / "refs" / revision, 80).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if COMMIT.fullmatch(text) else None


def _folders(path: Path) -> list[Path]:
    try:
        return [each for each in path.iterdir() if each.is_dir()]
    except OSError:
        return []


def _has_weights(snapshot: Path) -> bool:
    # A link whose blob was removed is no file.
    return any(
        path.is_file()
        for folder in (snapshot, snapshot / "original")
        for path in folder.glob("*.safetensors")
    )
