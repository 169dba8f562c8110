"""The models that are on this machine, with what they are and what they take; nothing is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gptoss import nano
from gptoss.engine import EngineOptions
from gptoss.errors import CheckpointError, ConfigError
from gptoss.hub.cache import find_snapshot, held_repos
from gptoss.hub.released import RELEASED, short_name
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.packing import WeightType
from gptoss.model.precision import CacheType
from gptoss.runtime.fitting import weights_of
from gptoss.runtime.locating import MODEL_VARIABLE, locate_model
from gptoss.runtime.memory_plan import plan_memory

# What a conversation is taken to have where memory is told.
CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that was found.

    name       as `--model` takes it
    origin     where it was found: `embedded`, `GPTOSS_MODEL` or `hub cache`
    directory  None where only a part of it is here
    form       the layout of its files
    num_bytes  of its weights on the disk
    takes      bytes of memory, for one conversation of CONTEXT tokens
    problem    why it cannot be loaded; then nothing of it is known
    """

    name: str
    origin: str
    directory: Path | None
    form: str = ""
    num_bytes: int = 0
    takes: int = 0
    problem: str | None = None


def find_models() -> Iterator[FoundModel]:
    """The embedded model, that of the environment variable, and those in the hub's cache, each once."""
    seen = {nano.checkpoint_path()}
    yield _look_at(nano.NAME, "embedded", nano.checkpoint_path())
    named = os.environ.get(MODEL_VARIABLE)
    if named:
        try:
            directory = locate_model(named)[1]
        except CheckpointError as error:
            yield FoundModel(named, MODEL_VARIABLE, None, problem=str(error))
        else:
            if directory not in seen:
                seen.add(directory)
                yield _look_at(named, MODEL_VARIABLE, directory)
    for repo in held_repos():
        found = _in_cache(repo)
        if found is not None and found.directory not in seen:
            yield found


def _in_cache(repo: str) -> FoundModel | None:
    """A gpt-oss model in the hub's cache, which holds other models too."""
    name, directory = short_name(repo), find_snapshot(repo)
    if directory is None:
        if repo not in RELEASED.values():
            return None
        problem = f"only a part of it is here; `gptoss pull {name}` fetches the rest"
        return FoundModel(name, "hub cache", None, problem=problem)
    try:
        return _look_at(name, "hub cache", directory)
    except ConfigError as error:
        if repo not in RELEASED.values():
            return None
        return FoundModel(name, "hub cache", directory, problem=str(error))


def _look_at(name: str, origin: str, directory: Path) -> FoundModel:
    """What its files say. Raises ConfigError for another kind of model in the hub's cache."""
    try:
        checkpoint = open_checkpoint(directory)
    except CheckpointError as error:
        return FoundModel(name, origin, directory, problem=str(error))
    except ConfigError as error:
        if origin == "hub cache":
            raise
        return FoundModel(name, origin, directory, problem=str(error))
    config = checkpoint.config
    options = EngineOptions(max_running=1, context=min(CONTEXT, config.max_positions))
    weights = weights_of(checkpoint, WeightType.INT8)
    plan = plan_memory(config, weights, options, CacheType.BF16)
    title, num_bytes = checkpoint.layout.title, checkpoint.num_bytes
    return FoundModel(name, origin, directory, title, num_bytes, plan.total)
