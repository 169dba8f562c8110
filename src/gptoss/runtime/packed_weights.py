"""A checkpoint's weights, laid out for the kernels: from their cache file, or in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gptoss.errors import CheckpointError, OutputError
from gptoss.files.sizes import disk_size
from gptoss.model.checkpoint import Checkpoint
from gptoss.model.packed_file import PackedFile, fault_in, release
from gptoss.model.packing import Arrays, Packing, WeightType
from gptoss.model.weights import ModelWeights
from gptoss.runtime.machine_memory import available_memory

# Weights that are laid out in a blink need no file.
SMALL_BYTES = 256 << 20
CACHE_VARIABLE = "GPTOSS_WEIGHTS_CACHE"
# Its name in version 0.1.
_OLD_CACHE_VARIABLE = "GPTOSS_CACHE"

# Hears of bytes done and bytes in all while weights are laid out, and of the file that keeps them: None where they are
# laid out in memory alone.
OnPacking = Callable[[int, int, Path | None], object]


def file_bytes(packing: Packing) -> int:
    """What the cache file takes on the disk; 0 for a model so small that none is made."""
    return packing.num_bytes if packing.num_bytes > SMALL_BYTES else 0


def packed_arrays(
    checkpoint: Checkpoint,
    packing: Packing,
    weight_type: WeightType,
    cache: str | Path | None,
    on_packing: OnPacking | None,
) -> Arrays:
    """The packed weights: from their cache file, which is made if it is not there; or in memory."""
    done, made = 0, None

    def advance(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        if on_packing is not None:
            on_packing(done, packing.num_bytes, made)

    if not file_bytes(packing):
        return packing.in_memory()
    try:
        folder = cache_directory() if cache is None else Path(cache).expanduser()
        file = PackedFile(folder, checkpoint, weight_type)
        made = file.path
        arrays = _open_packed(file, packing, advance)
    except OutputError as error:
        _require_memory(packing.num_bytes, error)
        warnings.warn(f"{error}; weights are laid out in memory at every start", stacklevel=4)
        done, made = 0, None
        arrays = packing.in_memory(advance)
        release(checkpoint)
        return arrays
    _fault_in(arrays, packing.num_bytes)
    return arrays


def _open_packed(file: PackedFile, packing: Packing, advance: Callable[[int], object]) -> Arrays:
    """The file's tensors; it is made if it is not there, and made anew, with a warning, if it cannot be used.

    Raises OutputError where it cannot be made.
    """
    try:
        arrays = file.open(packing)
    except CheckpointError as error:
        try:
            arrays = _make_packed(file, packing, advance)
        except OutputError as failure:
            raise OutputError(f"{error}; and {failure}") from None
        warnings.warn(f"{error}; it was made anew", stacklevel=5)
    return _make_packed(file, packing, advance) if arrays is None else arrays


def _make_packed(file: PackedFile, packing: Packing, advance: Callable[[int], object]) -> Arrays:
    file.write(packing, advance)
    try:
        arrays = file.open(packing)
    except CheckpointError as error:
        raise OutputError(f"{error}, although it was just made") from None
    if arrays is None:
        raise OutputError(f"{file.path} has gone again as soon as it was made")
    return arrays


def dense_arrays(weights: ModelWeights) -> Arrays:
    """The matrices that are used as they are stored."""
    found = {"head": weights.head}
    for index, layer in enumerate(weights.layers):
        linears = (*layer.attention.qkv, layer.attention.output)
        found |= {f"layer{index}.{part}": linear.weight for part, linear in enumerate(linears)}
    return {name: matrix for name, matrix in found.items() if isinstance(matrix, np.ndarray)}


def _fault_in(arrays: Arrays, num_bytes: int) -> None:
    """Map the weights' pages now, if they fit into memory; else only those that are used come in."""
    available = available_memory()
    if available is not None and available >= num_bytes:
        fault_in(arrays)


def _require_memory(num_bytes: int, why: OutputError) -> None:
    """Raises OutputError when this machine has less memory to give than weights laid out in memory would take."""
    available = available_memory()
    if available is not None and available < num_bytes:
        raise OutputError(
            f"{why}; and laid out in memory they would take {disk_size(num_bytes)} of the {disk_size(available)} that "
            "are available: name a folder on a larger disk with --weights-cache or GPTOSS_WEIGHTS_CACHE"
        )


def cache_directory() -> Path:
    """The folder of cache files: $GPTOSS_WEIGHTS_CACHE, else gptoss in the user's cache folder.

    Raises OutputError for a user without a home.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if not named and (named := os.environ.get(_OLD_CACHE_VARIABLE)):
        warnings.warn(f"{_OLD_CACHE_VARIABLE} is called {CACHE_VARIABLE} now", stacklevel=5)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "gptoss"
    except RuntimeError:
        raise OutputError(
            "got no home of this user to keep weights in; name a folder with --weights-cache or GPTOSS_WEIGHTS_CACHE"
        ) from None
