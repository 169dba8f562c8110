"""Outputs of the layers below the first that learns, kept on the disk: they are the same in every epoch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gptoss.errors import OutputError
from gptoss.files.sizes import disk_size
from gptoss.train.data.packs import Pack

NAME = "prefix.f32"


class PrefixStore:
    """One file of float32 rows (tokens, hidden), which begins anew with each session."""

    def __init__(self, folder: Path, packs: Sequence[Pack], hidden: int) -> None:
        """Begin it. Raises OutputError where the disk has too little room."""
        self._path = folder / NAME
        self._hidden = hidden
        lengths = [len(pack) for pack in packs]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._has = [False] * len(packs)
        needed = int(self._starts[-1]) * hidden * 4
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise OutputError(
                f"outputs of the frozen layers need {disk_size(needed)} in {folder}, which has {disk_size(free)} free; "
                "make room, or leave them out"
            )
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from None

    def get(self, index: int, compute: Callable[[], Tensor]) -> Tensor:
        """The output of a pack, computed once. Raises OutputError when it cannot be written."""
        start = int(self._starts[index]) * self._hidden * 4
        rows = int(self._starts[index + 1] - self._starts[index])
        if self._has[index]:
            kept = os.pread(self._file, rows * self._hidden * 4, start)
            values = np.frombuffer(bytearray(kept), np.float32).reshape(rows, self._hidden)
            return torch.from_numpy(values)
        found = compute()
        data, done = found.numpy().tobytes(), 0
        try:
            while done < len(data):
                done += os.pwrite(self._file, data[done:], start + done)
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from None
        self._has[index] = True
        return found

    def close(self) -> None:
        """Remove the file."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)
