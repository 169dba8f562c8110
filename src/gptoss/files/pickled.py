"""Pickle files, which are never opened: known by name, and by how they begin, whatever their name."""

from __future__ import annotations

from pathlib import Path

from gptoss.errors import CheckpointError

_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
# What protocols 2 to 5 begin with; before, pickles were text, and begin like any.
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ZIP = b"PK\x03\x04"
# The longest beginning by which one is known.
NUM_BEGIN_BYTES = 4


class PickledError(ValueError):
    """Bytes begin as a pickle does; the message says what they are."""


def is_called_pickle(path: Path) -> bool:
    """Whether a file has the name of one."""
    return path.suffix.lower() in _SUFFIXES


def require_not_pickled(begin: bytes) -> None:
    """Raises PickledError for the first bytes of a pickle, or of the archive that torch.save makes of some."""
    if begin.startswith(_PICKLES):
        raise PickledError("a pickle file")
    if begin.startswith(_ZIP):
        raise PickledError("an archive of pickle files, as torch.save writes it")


def pickle_refused(path: Path, what: str = "a pickle file") -> CheckpointError:
    """The error for a pickle file."""
    return CheckpointError(
        f"{path} is {what}, and loading one can run any code that was put into it; "
        "wanted safetensors: get the checkpoint in that format"
    )
