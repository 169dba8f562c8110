"""Which files go when a model is removed from this machine: its own, and the packed weights that were made of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from gptoss import nano
from gptoss.errors import CheckpointError, GptossError, RemovalError, listed, shown
from gptoss.files.gguf import SUFFIX
from gptoss.files.gguf_parts import parts_beside
from gptoss.hub.cache import find_file, find_snapshot, held_snapshots, repo_folder
from gptoss.hub.released import RELEASED, UNFINISHED, repo_of, short_name
from gptoss.hub.removal import commit_paths, file_paths, repo_paths
from gptoss.model.checkpoint_files import locate
from gptoss.model.config import Config
from gptoss.runtime.caches import CachedFile, cached_files
from gptoss.runtime.found_models import HUB_CACHE, LLAMA_CPP, OLLAMA, gguf_places
from gptoss.runtime.gguf_folders import is_gpt_oss
from gptoss.runtime.ollama import PREFIX, find_ollama, layers_of_others, ollama_folders


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed with a model.

    origin  who keeps it: `hub cache`, or the program whose file it is
    paths   in the order in which they go, each folder after what is in it
    packed  the files of weights laid out, which are of no use without it
    """

    name: str
    origin: str
    paths: tuple[Path, ...]
    packed: tuple[CachedFile, ...]

    @property
    def num_bytes(self) -> int:
        """What the model's own files take on the disk."""
        files = {(each.st_dev, each.st_ino): each for each in map(_status, self.paths) if each}
        return sum(512 * each.st_blocks for each in files.values() if not S_ISDIR(each.st_mode))


def plan_removal(name: str, weights_cache: Path) -> Removal:
    """What goes with the model of that name, as `gptoss models` shows it; nothing is removed yet.

    Raises RemovalError for what is not to be removed here, CheckpointError where there is no such model.
    """
    if name == nano.NAME:
        raise RemovalError(f"{name} is a part of this program and cannot be removed")
    origin, paths = _files(name)
    return Removal(name, origin, tuple(paths), tuple(_packed_of(paths, weights_cache)))


def _files(name: str) -> tuple[str, list[Path]]:
    try:
        path = Path(name).expanduser()
        is_there = os.path.lexists(path)
    except (OSError, RuntimeError, ValueError):
        is_there = False
    if is_there:
        return _files_at(path)
    if name.startswith(PREFIX) and ":" in name:
        return OLLAMA, _ollama_files(name)
    called, _, revision = name.partition("@")
    parts = called.split("/")
    is_file = called.endswith(SUFFIX) and len(parts) > 2
    repo = repo_of("/".join(parts[:2]) if is_file else called)
    if repo is None or not repo_folder(repo).is_dir():
        raise _no_such(name)
    if is_file:
        found = find_file(repo, "/".join(parts[2:]))
        if found is None or not is_gpt_oss(found):
            raise _no_such(name)
        return HUB_CACHE, file_paths(repo, parts_beside(found))
    snapshot = find_snapshot(repo, revision or None)
    if snapshot is None and revision:
        raise _no_such(name)
    if snapshot is None:
        _require_no_whole_commit(repo)
    _require_gpt_oss(repo, snapshot)
    return HUB_CACHE, repo_paths(repo) if snapshot is None else commit_paths(repo, snapshot)


def _no_such(name: str) -> CheckpointError:
    return CheckpointError(
        f"there is no model {shown(name)} on this machine; `gptoss models` shows which there are"
    )


def _require_no_whole_commit(repo: str) -> None:
    """Raises RemovalError where `main` is only in part here and another commit is whole: that one was not meant."""
    whole = [each.name for each in held_snapshots(repo) if find_snapshot(repo, each.name)]
    if whole:
        raise RemovalError(
            f"only a part of {repo}'s main is here, but all of {listed(whole)}; name what goes: "
            f"{short_name(repo)}@{whole[0]}"
        )


def _require_gpt_oss(repo: str, snapshot: Path | None) -> None:
    """Raises RemovalError for a model of another kind, or a part of one that `pull` did not fetch."""
    if repo in RELEASED.values():
        return
    if snapshot is None:
        is_ours = any((repo_folder(repo) / "blobs").glob(f"*{UNFINISHED}"))
    else:
        try:
            is_ours = bool(Config.from_file(locate(snapshot) / "config.json"))
        except GptossError:
            is_ours = False
    if not is_ours:
        raise RemovalError(
            f"{repo} is no gpt-oss model as far as its files tell; `hf cache rm` removes others"
        )


def _files_at(path: Path) -> tuple[str, list[Path]]:
    """Of a path only what another program is known to keep there: a folder of a person's is that person's."""
    path = path.absolute()
    for place in gguf_places():
        if place.origin != HUB_CACHE and place.path == path:
            if place.origin == OLLAMA:
                return OLLAMA, _ollama_files(place.name)
            files = parts_beside(path)
            # What llama.cpp notes of each.
            beside = [Path(f"{file}{end}") for file in files for end in (".json", ".etag")]
            noted = [each for each in beside if each.is_file()] if place.origin == LLAMA_CPP else []
            return place.origin, [*files, *noted]
    raise RemovalError(
        f"{path} is a {'folder' if path.is_dir() else 'file'} that no program is known to keep for models; remove it "
        "yourself, or name a model as `gptoss models` shows it"
    )


def _ollama_files(name: str) -> list[Path]:
    """The manifest, and the layers that no other of Ollama's models has."""
    found = find_ollama(name)
    if found is None:
        raise _no_such(name)
    used: set[Path] = set()
    for folder in ollama_folders():
        used |= layers_of_others(folder, found.manifest)
    return [found.manifest, *(layer for layer in found.layers if layer not in used)]


def _packed_of(paths: list[Path], folder: Path) -> list[CachedFile]:
    """The files of packed weights that were made of a folder or a file which is removed."""
    gone = {path.parent.resolve() / path.name for path in paths}
    return [
        file
        for file in cached_files(folder)
        if file.source is not None and not gone.isdisjoint((file.source, *file.source.parents))
    ]


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
