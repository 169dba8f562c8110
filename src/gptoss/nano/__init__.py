"""The embedded default checkpoint, gptoss-nano, and its model card."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

NAME = "nano"


def checkpoint_path() -> Path:
    """The folder of its files, which the package carries."""
    return Path(str(files(__name__) / "checkpoint"))
