"""Where a run of fine-tuning stands, in one file that is whole at any time: safetensors, the rest in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptoss.errors import CheckpointError, OutputError, TrainingError
from gptoss.model.safetensors import SafetensorsFile
from gptoss.model.safetensors_writer import write_arrays

NAME = "checkpoint.safetensors"
_KEY = "gptoss_checkpoint"
# What AdamW keeps of each parameter, and the prefix of its tensors.
_MOMENTS = ("exp_avg", "exp_avg_sq")


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
    """All that a run goes on from.

    identity    what must be the same then
    parameters  by their names
    moments     AdamW's, of each parameter: `exp_avg`, `exp_avg_sq`; none before the first step
    """

    identity: Mapping[str, str]
    parameters: Mapping[str, Tensor]
    moments: Mapping[str, Mapping[str, Tensor]]
    progress: Progress = field(default_factory=Progress)

    def write(self, folder: Path) -> None:
        """Write it in the place of the one before. Raises OutputError; that one is whole then."""
        tensors = {f"parameter/{name}": tensor for name, tensor in self.parameters.items()}
        for name, moments in self.moments.items():
            tensors |= {f"{kind}/{name}": moments[kind] for kind in _MOMENTS}
        told = {"identity": dict(self.identity), "progress": asdict(self.progress)}
        arrays = {name: ("F32", tensor.detach().numpy()) for name, tensor in tensors.items()}
        try:
            write_arrays(folder / NAME, arrays, {_KEY: json.dumps(told)})
        except OutputError as error:
            raise OutputError(
                f"{error}; the checkpoint before it is whole: make room, and go on with the same command"
            ) from None

    @classmethod
    def read(cls, folder: Path, identity: Mapping[str, str]) -> Checkpoint | None:
        """The one in a folder; None: there is none. Raises TrainingError for a damaged one, or one of another run."""
        path = folder / NAME
        if not path.exists():
            return None
        try:
            file = SafetensorsFile(path)
            told = json.loads(file.metadata[_KEY])
            found = cls(
                {str(name): str(value) for name, value in told["identity"].items()},
                _of_kind(file, "parameter"),
                _moments(file),
                Progress(**told["progress"]),
            )
        except (CheckpointError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(
                f"{path} cannot be read ({type(error).__name__}); remove it to begin anew, or choose another folder"
            ) from None
        for name, value in identity.items():
            if (before := found.identity.get(name)) != value:
                raise TrainingError(
                    f"{folder} holds a run with another {name} ({before}, now {value}); go on with what it began with, "
                    "or choose another folder"
                )
        return found


def state_of(checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    """AdamW's state of a parameter; none before the first step."""
    moments = checkpoint.moments.get(name)
    if moments is None:
        return {}
    return {"step": torch.tensor(float(checkpoint.progress.step)), **moments}


def _moments(file: SafetensorsFile) -> dict[str, dict[str, Tensor]]:
    found = {kind: _of_kind(file, kind) for kind in _MOMENTS}
    return {name: {kind: found[kind][name] for kind in _MOMENTS} for name in found[_MOMENTS[0]]}


def _of_kind(file: SafetensorsFile, kind: str) -> dict[str, Tensor]:
    """Copies: the file is replaced while they are in use."""
    names = [name for name in file.tensors if name.startswith(f"{kind}/")]
    return {
        name.partition("/")[2]: torch.from_numpy(np.array(file.read(name), np.float32))
        for name in names
    }
