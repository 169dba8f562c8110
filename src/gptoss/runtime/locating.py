"""From a name or a path to the folder of a checkpoint, or to its GGUF file."""

from __future__ import annotations

import os
from pathlib import Path

from gptoss import nano
from gptoss.errors import CheckpointError
from gptoss.files.gguf import SUFFIX

MODEL_VARIABLE = "GPTOSS_MODEL"
# Characters of a wrong name in an error.
MAX_SHOWN = 200


def locate_model(path_or_name: str | Path | None) -> tuple[str, Path]:
    """A model's name, and its folder or GGUF file; None: the environment variable GPTOSS_MODEL, else nano.

    Raises CheckpointError if there is nothing of that name.
    """
    if path_or_name is None:
        path_or_name = os.environ.get(MODEL_VARIABLE) or nano.NAME
    path = _path(path_or_name)
    if path == nano.checkpoint_path():
        return nano.NAME, path
    # A link to a file, as hubs keep them, has the name that people know; its target has a hash.
    name = path.resolve().name if path.is_dir() else path.name.removesuffix(SUFFIX)
    return name, path


def _path(path_or_name: str | Path) -> Path:
    name = str(path_or_name)
    if name == nano.NAME:
        return nano.checkpoint_path()
    wanted = f"wanted the folder of a checkpoint, a GGUF file, or {nano.NAME!r}"
    if not name:
        raise CheckpointError(f"got an empty name for the model, {wanted}")
    shown = repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}...")
    try:
        path = Path(name).expanduser()
        if path.exists():
            return path
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot look for the model {shown}: {reason}; {wanted}") from None
    raise CheckpointError(f"there is no model {shown}; {wanted}")
