"""The models that are on this machine, with what they are and what they take; nothing is loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gptoss import nano
from gptoss.errors import CheckpointError, ConfigError
from gptoss.hub.cache import find_file, find_snapshot, held_repos, held_snapshots
from gptoss.hub.released import RELEASED, short_name
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packing import WeightType
from gptoss.runtime.fitting import conversation_bytes, packed_bytes
from gptoss.runtime.gguf_folders import (
    gpt_oss_files,
    is_gpt_oss,
    llama_cpp_folders,
    lm_studio_folders,
)
from gptoss.runtime.locating import MODEL_VARIABLE, locate_model
from gptoss.runtime.ollama import ollama_folders, ollama_models

EMBEDDED, HUB_CACHE = "embedded", "hub cache"
OLLAMA, LM_STUDIO, LLAMA_CPP = "Ollama", "LM Studio", "llama.cpp"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that was found.

    name          as `--model` takes it
    origin        where it was found: `embedded`, `GPTOSS_MODEL`, `hub cache`, `Ollama`, `LM Studio` or `llama.cpp`
    path          its folder or GGUF file; None where only a part of it is here
    form          the layout of its files
    num_bytes     of its weights on the disk
    packed_bytes  of disk that its first start takes besides, for weights laid out for the kernels
    takes         bytes of memory, for one conversation of CONVERSATION tokens
    problem       why it cannot be loaded; then nothing of it is known
    """

    name: str
    origin: str
    path: Path | None
    form: str = ""
    num_bytes: int = 0
    packed_bytes: int = 0
    takes: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place where a model lies: its name as `--model` takes it, who keeps it there, and its folder or GGUF file."""

    name: str
    origin: str
    path: Path


def find_models() -> Iterator[FoundModel]:
    """The embedded model, that of the environment variable, the hub cache's and those of other programs, each once."""
    seen: set[tuple[int, int]] = set()
    for found in _all_models():
        if found.path is not None:
            with contextlib.suppress(OSError):
                status = found.path.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
        yield found


def gguf_places() -> Iterator[Place]:
    """The GGUF files of gpt-oss in the hub's cache, and in the folders of Ollama, LM Studio and llama.cpp."""
    for repo in held_repos():
        for snapshot in held_snapshots(repo):
            for path in gpt_oss_files(snapshot):
                name = str(path.relative_to(snapshot))
                # Another commit's file of that name would be taken.
                if find_file(repo, name) == path:
                    yield Place(f"{repo}/{name}", HUB_CACHE, path)
    for folder in ollama_folders():
        for model in ollama_models(folder):
            if is_gpt_oss(model.blob):
                yield Place(model.name, OLLAMA, model.blob)
    for origin, folders in ((LM_STUDIO, lm_studio_folders()), (LLAMA_CPP, llama_cpp_folders())):
        for folder in folders:
            for path in gpt_oss_files(folder):
                yield Place(str(path), origin, path)


def _all_models() -> Iterator[FoundModel]:
    yield _look_at(Place(nano.NAME, EMBEDDED, nano.checkpoint_path()))
    named = os.environ.get(MODEL_VARIABLE)
    if named:
        try:
            path = locate_model(named)[1]
        except CheckpointError as error:
            yield FoundModel(named, MODEL_VARIABLE, None, problem=str(error))
        else:
            yield _look_at(Place(named, MODEL_VARIABLE, path))
    for repo in held_repos():
        found = _in_cache(repo)
        if found is not None:
            yield found
    yield from map(_look_at, gguf_places())


def _in_cache(repo: str) -> FoundModel | None:
    """A gpt-oss model in the hub's cache, which holds other models too."""
    name, folder = short_name(repo), find_snapshot(repo)
    if folder is None:
        if repo not in RELEASED.values():
            return None
        problem = f"only a part of it is here; `gptoss pull {name}` fetches the rest"
        return FoundModel(name, HUB_CACHE, None, problem=problem)
    try:
        return _opened(Place(name, HUB_CACHE, folder))
    except ConfigError as error:
        if repo not in RELEASED.values():
            return None
        return FoundModel(name, HUB_CACHE, folder, problem=str(error))
    except CheckpointError as error:
        return FoundModel(name, HUB_CACHE, folder, problem=str(error))


def _look_at(place: Place) -> FoundModel:
    """What its files say, or why they cannot be read."""
    try:
        return _opened(place)
    except (CheckpointError, ConfigError) as error:
        return FoundModel(place.name, place.origin, place.path, problem=str(error))


def _opened(place: Place) -> FoundModel:
    """Raises CheckpointError, or ConfigError for another kind of model."""
    checkpoint = open_checkpoint(place.path)
    return FoundModel(
        place.name,
        place.origin,
        place.path,
        checkpoint.layout.title,
        checkpoint.num_bytes,
        packed_bytes(checkpoint, WeightType.INT8),
        conversation_bytes(checkpoint),
    )
