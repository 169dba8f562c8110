"""Finds the files of a model that lies in several: NAME-00001-of-00003.gguf and those that its name promises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gptoss.errors import CheckpointError
from gptoss.files.gguf import GgufFile
from gptoss.files.json_text import shorten

_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
_NUMBER, _COUNT, _TENSORS = "split.no", "split.count", "split.tensors.count"


def open_parts(path: Path) -> tuple[GgufFile, ...]:
    """All files of the model that one of its files belongs to, in order.

    Raises CheckpointError when one is missing or damaged, or is none of the same model's parts.
    """
    files = tuple(GgufFile(part) for part in _parts(path))
    count = len(files)
    for number, file in enumerate(files):
        got = (file.metadata.get(_NUMBER, 0), file.metadata.get(_COUNT, 1))
        # What was merged again says that it is none of no parts.
        is_merged = count == 1 and got == (0, 0)
        if got != (number, count) and not is_merged:
            raise CheckpointError(
                f"{file.path} says that it is part {_one_more(got[0])} of {shorten(got[1])}, wanted {number + 1} of "
                f"{count} by its name; give the files the names that they were published with"
            )
    _check_count(files)
    return files


def is_part_name(name: str) -> bool:
    """Whether a file of that name is taken for one of several."""
    return _PART.fullmatch(name) is not None


def part_of(path: Path) -> str:
    """The name of the model that a file is one of several files of; its own for a whole model."""
    named = _PART.fullmatch(path.name)
    return path.name if named is None else f"{named['stem']} of {named['count']}"


def parts_beside(path: Path) -> list[Path]:
    """Those files of the model that a file is of that lie beside it, itself among them."""
    if _PART.fullmatch(path.name) is None:
        return [path]
    wanted = part_of(path)
    return sorted(each for each in path.parent.iterdir() if part_of(each) == wanted)


def _parts(path: Path) -> Sequence[Path]:
    named = _PART.fullmatch(path.name)
    if named is None:
        return [path]
    count = int(named["count"])
    if not 1 <= int(named["number"]) <= count:
        raise CheckpointError(
            f"{path} is called part {named['number']} of {named['count']}; give the files the names that they were "
            "published with"
        )
    paths = [
        path.with_name(f"{named['stem']}-{number:05}-of-{count:05}.gguf")
        for number in range(1, count + 1)
    ]
    missing = [part.name for part in paths if not part.exists()]
    if missing:
        raise CheckpointError(
            f"{path.parent} lacks {len(missing)} of {count} files of {shorten(named['stem'])} "
            f"({', '.join(map(shorten, missing[:3]))}); download them"
        )
    return paths


def _check_count(files: Sequence[GgufFile]) -> None:
    wanted = files[0].metadata.get(_TENSORS)
    found = sum(len(file.tensors) for file in files)
    if wanted is not None and wanted != found:
        raise CheckpointError(
            f"{files[0].path} announces {shorten(wanted)} tensors in {len(files)} files, which hold {found}; get all "
            "files of one model again"
        )


def _one_more(number: object) -> str:
    return str(number + 1) if type(number) is int else shorten(number)
