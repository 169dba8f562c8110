"""From a name or a path to the folder of a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from gptoss import nano
from gptoss.errors import CheckpointError

MODEL_VARIABLE = "GPTOSS_MODEL"
# Characters of a wrong name in an error.
MAX_SHOWN = 200


def locate_model(path_or_name: str | Path | None) -> tuple[str, Path]:
    """A model's name and folder; None: the environment variable GPTOSS_MODEL, else nano.

    Raises CheckpointError if there is no such folder.
    """
    if path_or_name is None:
        path_or_name = os.environ.get(MODEL_VARIABLE) or nano.NAME
    directory = _directory(path_or_name)
    return nano.NAME if directory == nano.checkpoint_path() else directory.resolve().name, directory


def _directory(path_or_name: str | Path) -> Path:
    name = str(path_or_name)
    if name == nano.NAME:
        return nano.checkpoint_path()
    wanted = f"wanted the folder of a checkpoint, or {nano.NAME!r}"
    if not name:
        raise CheckpointError(f"got an empty name for the model, {wanted}")
    shown = repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}...")
    try:
        directory = Path(name).expanduser()
        if directory.exists():
            return directory
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot look for the model {shown}: {reason}; {wanted}") from None
    raise CheckpointError(f"there is no model {shown}; {wanted}")
