"""From a name or a path to the folder of a checkpoint, or to a GGUF file."""

from __future__ import annotations

import os
from pathlib import Path

from gptoss import nano
from gptoss.errors import CheckpointError, MissingModelError
from gptoss.files.gguf import SUFFIX
from gptoss.hub.cache import cache_folder, find_file, find_snapshot, repo_of_snapshot
from gptoss.hub.released import repo_of, short_name
from gptoss.runtime.default_model import default_model
from gptoss.runtime.ollama import PREFIX as OLLAMA_PREFIX
from gptoss.runtime.ollama import find_ollama

MODEL_VARIABLE = "GPTOSS_MODEL"
# Characters of a wrong name in an error.
MAX_SHOWN = 200


def locate_model(
    path_or_name: str | Path | None, *, budget: int | None = None, must_fit: bool = True
) -> tuple[str, Path]:
    """A model's name, and its folder or GGUF file.

    None: the environment variable GPTOSS_MODEL, else a released model that is here and fits into `budget` bytes, or
    into what the machine can give, else nano. Without `must_fit`, whether it fits is not asked.

    A folder of that name comes before a model of that name in the hub's cache, as with other programs. `NAME@REVISION`
    is another of its revisions, `NAME/FILE.gguf` a file of that repository in the cache, and `ollama/MODEL:TAG` is one
    of Ollama's. Raises CheckpointError if there is nothing of that name, as MissingModelError where it can be pulled.
    """
    if path_or_name is None:
        path_or_name = os.environ.get(MODEL_VARIABLE) or None
    if path_or_name is None:
        path = default_model(budget, must_fit=must_fit)
        return name_of(path), path
    name = str(path_or_name)
    found = find_ollama(name)
    if found is not None:
        return name.removeprefix(OLLAMA_PREFIX), found.blob
    path = _path(name)
    return name_of(path), path


def name_of(path: Path) -> str:
    """What a checkpoint is called: after its folder or file, or after the repository that its folder is a commit of."""
    if path == nano.checkpoint_path():
        return nano.NAME
    if not path.is_dir():
        # A link to a file, as hubs keep them, has the name that people know; its target has a hash.
        return path.name.removesuffix(SUFFIX)
    repo = repo_of_snapshot(path)
    return path.resolve().name if repo is None else repo.rpartition("/")[2]


def _path(name: str) -> Path:
    if name == nano.NAME:
        return nano.checkpoint_path()
    remedy = f"name the folder of a checkpoint, a GGUF file, {nano.NAME!r}, or what `gptoss models` shows"
    if not name:
        raise CheckpointError(f"got an empty name for the model; {remedy}")
    shown = repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}...")
    try:
        path = Path(name).expanduser()
        if path.exists():
            return path
        return _in_cache(name, shown, remedy)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot look for the model {shown}: {reason}; {remedy}") from None


def _in_cache(name: str, shown: str, remedy: str) -> Path:
    """The folder of a model in the hub's cache, or a GGUF file in it."""
    if name.endswith(SUFFIX):
        owner, _, rest = name.partition("/")
        called, _, file = rest.partition("/")
        repo = repo_of(f"{owner}/{called}")
        found = find_file(repo, file) if repo is not None and file else None
        if found is None:
            raise CheckpointError(f"there is no model {shown}; {remedy}")
        return found
    called, _, revision = name.partition("@")
    repo = repo_of(called)
    if repo is None:
        raise CheckpointError(f"there is no model {shown}; {remedy}")
    found = find_snapshot(repo, revision or None)
    if found is None:
        asked = f" --revision {revision}" if revision else ""
        raise MissingModelError(
            f"there is no model {shown}: no such folder, and not all of {repo} is in {cache_folder()}; "
            f"`gptoss pull {short_name(repo)}{asked}` fetches it",
            repo=repo,
            revision=revision or None,
        )
    return found
