"""Finds the files of a checkpoint in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gptoss.errors import CheckpointError
from gptoss.files.gguf import SUFFIX
from gptoss.files.json_text import read_object, shorten
from gptoss.files.pickled import (
    NUM_BEGIN_BYTES,
    PickledError,
    is_called_pickle,
    pickle_refused,
    require_not_pickled,
)
from gptoss.files.regular import open_regular

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
ORIGINAL_FOLDER = "original"

# The released index takes about 35 kB.
_MAX_INDEX_BYTES = 16 << 20
# As systems allow in a folder.
_MAX_NAME_BYTES = 255


def locate(directory: Path) -> Path:
    """The folder that holds the weights: the one given, or `original/` inside it.

    Raises CheckpointError when it is no folder, or holds no weights; OSError.
    """
    if directory.is_file():
        _refuse_pickle(directory)
        raise CheckpointError(
            f"{directory} is a file; wanted the folder that holds it and its config.json, or a GGUF file"
        )
    if not directory.is_dir():
        raise CheckpointError(
            f"there is no folder {directory}; wanted one with config.json and {SINGLE}"
        )
    inner = directory / ORIGINAL_FOLDER
    if not _has_weights(directory) and _has_weights(inner):
        return inner
    return directory


def find_shards(directory: Path) -> list[Path]:
    """The safetensors files of one checkpoint: the single file, those of the index, or all.

    Raises CheckpointError when there are none, or the index names one that is not there.
    """
    single, index = directory / SINGLE, directory / INDEX
    if single.is_file():
        return [single]
    if index.is_file():
        return _shards_of(index)
    # The released 120b has its `original/` weights in several files without an index.
    files = sorted(directory.glob("*.safetensors"))
    if files:
        return files
    pickles = sorted(path for path in directory.iterdir() if is_called_pickle(path))
    if pickles:
        raise pickle_refused(pickles[0])
    others = sorted(directory.glob(f"*{SUFFIX}"))
    if others:
        raise CheckpointError(
            f"{directory} holds GGUF files; name the one that you want, such as {others[0]}"
        )
    raise CheckpointError(
        f"{directory} holds no weights; wanted {SINGLE}, or {INDEX} and the files it names"
    )


def _refuse_pickle(path: Path) -> None:
    if is_called_pickle(path):
        raise pickle_refused(path)
    with open_regular(path) as descriptor:
        begin = os.read(descriptor, NUM_BEGIN_BYTES)
    try:
        require_not_pickled(begin)
    except PickledError as error:
        raise pickle_refused(path, str(error)) from None


def _has_weights(directory: Path) -> bool:
    return (directory / INDEX).is_file() or any(directory.glob("*.safetensors"))


@dataclass(frozen=True, slots=True)
class Index:
    """What an index says: the file of every tensor, and the bytes that all tensors take, if it says so."""

    weight_map: Mapping[str, str]
    total_size: object


def read_index(path: Path) -> Index:
    """What an index says, which names nothing but files beside it. Raises CheckpointError."""
    try:
        data = read_object(path, most_bytes=_MAX_INDEX_BYTES)
        weight_map, metadata = data.get("weight_map"), data.get("metadata")
        if not isinstance(weight_map, dict) or not weight_map:
            raise ValueError("it has no weight_map from tensors to files")
        names = {tensor: _checked_name(name) for tensor, name in weight_map.items()}
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path} cannot be read: {reason}; download it again") from None
    return Index(names, metadata.get("total_size") if isinstance(metadata, dict) else None)


def _shards_of(index: Path) -> list[Path]:
    """The shards by name, whatever the names count from: the released ones count from zero."""
    names = set(read_index(index).weight_map.values())
    shards = [index.with_name(name) for name in sorted(names)]
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise CheckpointError(
            f"{index.parent} lacks {len(missing)} of {len(shards)} files that {INDEX} names "
            f"({', '.join(map(shorten, missing[:3]))}); download them"
        )
    return shards


def _checked_name(name: object) -> str:
    """A shard lies beside its index: a path could lead anywhere."""
    if (
        not isinstance(name, str)
        or not name.endswith(".safetensors")
        or name != Path(name).name
        or not name.isprintable()
        or len(os.fsencode(name)) > _MAX_NAME_BYTES
    ):
        raise ValueError(f"{shorten(name)} is not the name of a safetensors file")
    return name
