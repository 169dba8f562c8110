"""Holds the tensors of a checkpoint, in any format, against those wanted: none twice, missing or more, vectors few."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from gptoss.errors import CheckpointError
from gptoss.files.json_text import shorten

# Tensors named in one error.
_NAMED = 3
# Those of 120b take 160 MB, and its routers 53.
_MAX_VECTOR_BYTES = 1 << 30


class Holder(Protocol):
    """A file of tensors."""

    @property
    def path(self) -> Path: ...

    @property
    def tensors(self) -> Mapping[str, object]: ...


File = TypeVar("File", bound=Holder)


def index_tensors(files: Iterable[File]) -> dict[str, File]:
    """The file of every tensor. Raises CheckpointError when two have the same one."""
    holders: dict[str, File] = {}
    for file in files:
        for name in file.tensors:
            if name in holders:
                raise CheckpointError(
                    f"tensor {shorten(name)} is in both {holders[name].path} and {file.path.name}; "
                    "remove the file that does not belong to the checkpoint"
                )
            holders[name] = file
    return holders


def require_names(
    path: Path, described: str, wanted: Collection[str], found: Collection[str]
) -> None:
    """Raises CheckpointError for tensors that are missing, or more than those `wanted` by what is `described`."""
    missing = [name for name in wanted if name not in found]
    unexpected = sorted(set(found) - set(wanted))
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors are missing ({_list_some(missing)})")
    if unexpected:
        problems.append(f"{len(unexpected)} are unexpected ({_list_some(unexpected)})")
    if problems:
        raise CheckpointError(
            f"{path} does not fit {described}: {'; '.join(problems)}; get all files of one checkpoint again"
        )


def require_small_vectors(path: Path, num_bytes: int, described: str) -> None:
    """Raises CheckpointError when what is made anew in memory at opening, before anything is planned, takes too much.

    A sparse file of any size costs its maker nothing.
    """
    if num_bytes > _MAX_VECTOR_BYTES:
        raise CheckpointError(
            f"{path}: norms and biases take {num_bytes:,} bytes by {described}, wanted at most {_MAX_VECTOR_BYTES:,}; "
            "not a gpt-oss model"
        )


def _list_some(names: list[str]) -> str:
    listed = ", ".join(shorten(name)[1:-1] for name in names[:_NAMED])
    return f"{listed}, ..." if len(names) > _NAMED else listed
