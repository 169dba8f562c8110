"""Where a run of fine-tuning stands, in one file that is whole at any time."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from gptoss.errors import OutputError, TrainingError
from gptoss.files.whole import whole_file

NAME = "checkpoint.pt"


@dataclass(slots=True)
class Progress:
    """Where a run stands.

    step         that were made
    tokens       that were learnt from, each as often as it was
    seconds      that it has taken, all sessions together
    evaluated    step of the last evaluation
    best         the lowest held-out loss; None: nothing was evaluated
    since_best   evaluations that were not better
    is_ended     by patience
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    evaluated: int = 0
    best: float | None = None
    since_best: int = 0
    is_ended: bool = False


@dataclass(slots=True)
class Checkpoint:
    """All that a run goes on from; `identity`: what must be the same then."""

    identity: Mapping[str, str]
    parameters: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    progress: Progress = field(default_factory=Progress)

    def write(self, folder: Path) -> None:
        """Write it in the place of the one before. Raises OutputError; that one is whole then."""
        path = folder / NAME
        state = {
            "identity": dict(self.identity),
            "parameters": self.parameters,
            "optimizer": self.optimizer,
            "progress": asdict(self.progress),
        }
        try:
            with whole_file(path) as file:
                torch.save(state, file)
        # torch raises its own error when a stream cannot be written.
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no space is left"
            raise OutputError(
                f"cannot write {path}: {reason or error}; the checkpoint before it is whole: make room, and go on with "
                "the same command"
            ) from None

    @classmethod
    def read(cls, folder: Path, identity: Mapping[str, str]) -> Checkpoint | None:
        """The one in a folder; None: there is none. Raises TrainingError for a damaged one, or one of another run."""
        path = folder / NAME
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
            found = cls(
                state["identity"],
                state["parameters"],
                state["optimizer"],
                Progress(**state["progress"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError, EOFError) as e:
            raise TrainingError(
                f"{path} cannot be read ({type(e).__name__}); remove it to begin anew, or choose another folder"
            ) from None
        for name, value in identity.items():
            if (before := found.identity.get(name)) != value:
                raise TrainingError(
                    f"{folder} holds a run with another {name} ({before}, now {value}); go on with what it began with, "
                    "or choose another folder"
                )
        return found
