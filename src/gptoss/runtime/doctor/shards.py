"""The files of a model's weights: whether all are there and whole, and whether their index agrees with them."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gptoss.errors import CheckpointError, listed
from gptoss.files.gguf import GgufFile
from gptoss.files.gguf_parts import open_parts
from gptoss.files.json_text import shorten
from gptoss.files.pickled import is_called_pickle
from gptoss.files.sizes import disk_size
from gptoss.model.checkpoint_files import (
    INDEX,
    SINGLE,
    Index,
    find_shards,
    read_index,
)
from gptoss.model.layouts import ORIGINAL
from gptoss.model.safetensors import SafetensorsFile
from gptoss.runtime.doctor.finding import Finding, Level, Look, Mending, some_of
from gptoss.runtime.doctor.subject import Subject

GROUP = "files"
# Looked at in a folder: of a model there are some dozens.
MOST_ENTRIES = 10_000
_NUMBERED = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors", re.S)


@dataclass(slots=True)
class Shards:
    """The weight files that could be opened, by their paths."""

    safetensors: dict[Path, SafetensorsFile] = field(default_factory=dict)
    gguf: tuple[GgufFile, ...] = ()

    @property
    def files(self) -> list[SafetensorsFile | GgufFile]:
        """All of them."""
        return [*self.safetensors.values(), *self.gguf]


def look_at_shards(subject: Subject) -> Look[Shards]:
    """Findings about the files; then those that could be opened."""
    if subject.is_gguf:
        return (yield from _look_at_gguf(subject))
    names = _names(subject.folder)
    yield from _beside(subject, names)
    index = None
    if INDEX in names and SINGLE not in names:
        try:
            index = read_index(subject.folder / INDEX)
        except CheckpointError as error:
            index_error = error
    paths = _paths(subject.folder, names, index)
    if not paths and INDEX not in names:
        # It says what is there instead.
        find_shards(subject.folder)
    shards = Shards()
    faults = list(_open(subject, paths, shards))
    faults += _missing(subject, paths, names)
    yield from some_of(faults)
    mending = None if faults else _new_index(subject, shards)
    if INDEX in names and SINGLE in names:
        yield _two_ways(subject)
    elif INDEX not in names:
        yield from _no_index(subject, shards, mending)
    elif index is None:
        yield _broken_index(subject, index_error, mending)
    else:
        yield from some_of(_compare(subject, shards, index, mending, is_whole=not faults))
    yield from some_of(_twice(shards))
    if shards.files:
        yield _summary(shards)
    return shards


def _look_at_gguf(subject: Subject) -> Look[Shards]:
    try:
        files = open_parts(subject.path)
    except CheckpointError as error:
        yield Finding.of_error(GROUP, "weights", error)
        return Shards()
    shards = Shards(gguf=files)
    yield _summary(shards)
    return shards


def _names(folder: Path) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in itertools.islice(entries, MOST_ENTRIES)}


def _paths(folder: Path, names: set[str], index: Index | None) -> list[Path]:
    """The files of the weights, there or not."""
    if SINGLE in names:
        return [folder / SINGLE]
    if index is not None:
        return [folder / name for name in sorted(set(index.weight_map.values()))]
    return [folder / name for name in sorted(names) if name.endswith(".safetensors")]


def _beside(subject: Subject, names: set[str]) -> Iterator[Finding]:
    """What no model needs: unfinished downloads, and pickles."""
    pickles = sorted(name for name in names if is_called_pickle(Path(name)))
    if pickles:
        said = f"{listed(pickles, 3)}: pickle files can run any code when they are loaded, and are not read"
        yield Finding(
            GROUP, "pickles", Level.NOTE, said, "safetensors files serve; nothing here needs these"
        )
    unfinished = sorted(_unfinished(subject, names))
    if unfinished:
        remedy = "delete them, or finish the download with the program that began it"
        if subject.pull_command() is not None:
            remedy = f"`{subject.pull_command()}` goes on with its own; `hf cache prune` clears others away"
        said = f"{len(unfinished)} unfinished downloads beside the model ({listed(unfinished, 3)})"
        yield Finding(GROUP, "unfinished", Level.NOTE, said, remedy)


def _unfinished(subject: Subject, names: set[str]) -> Iterator[str]:
    endings = (".incomplete", ".part", ".partial", ".aria2", ".crdownload", ".tmp")
    yield from (name for name in names if name.endswith(endings))
    top = subject.folder.parent if subject.is_original else subject.folder
    folders = [subject.folder / ".cache" / "huggingface" / "download"]
    if subject.pull_command() is not None:
        folders.append(top.parents[1] / "blobs")
    for folder in folders:
        try:
            found = _names(folder)
        except OSError:
            continue
        yield from (name for name in found if name.endswith(".incomplete"))


def _open(subject: Subject, paths: list[Path], shards: Shards) -> Iterator[Finding]:
    for path in paths:
        if not os.path.exists(path):
            what = "leads nowhere" if os.path.islink(path) else "is missing"
            said = f"{path.name} {what}"
            yield Finding(GROUP, "weights", Level.ERROR, said, subject.got_again())
            continue
        try:
            shards.safetensors[path] = SafetensorsFile(path)
        except CheckpointError as error:
            yield Finding.of_error(GROUP, "weights", error, subject.got_again(path))


def _missing(subject: Subject, paths: list[Path], names: set[str]) -> Iterator[Finding]:
    """Files that the names of others promise, where no index names them."""
    known = {path.name for path in paths}
    for name in sorted(known):
        found = _NUMBERED.fullmatch(name)
        if found is None or int(found["count"]) > MOST_ENTRIES:
            continue
        count = int(found["count"])
        # The released files count from zero, up to one fewer or just as many.
        begin = 0 if f"{found['stem']}-00000-of-{found['count']}.safetensors" in known else 1
        last = max(count - 1 + begin, *(_number(other, found["stem"]) for other in known))
        wanted = (
            f"{found['stem']}-{number:05}-of-{found['count']}.safetensors"
            for number in range(begin, last + 1)
        )
        for other in wanted:
            if other not in known:
                said = f"{other} is missing"
                yield Finding(GROUP, "weights", Level.ERROR, said, subject.got_again())
        return


def _number(name: str, stem: str) -> int:
    found = _NUMBERED.fullmatch(name)
    return int(found["number"]) if found is not None and found["stem"] == stem else 0


def _new_index(subject: Subject, shards: Shards) -> Mending | None:
    """An index of what the files hold, where each tensor is in one of them."""
    files = shards.safetensors
    names = [name for file in files.values() for name in file.tensors]
    if not files or len(set(names)) < len(names) or list(files) == [subject.folder / SINGLE]:
        return None
    weight_map = {name: path.name for path, file in files.items() for name in file.tensors}
    fields = {
        "metadata": {"total_size": _size(shards)},
        "weight_map": dict(sorted(weight_map.items())),
    }
    data = json.dumps(fields, indent=2).encode() + b"\n"
    said = f"{INDEX} of the {len(names)} tensors that {len(files)} files hold"
    return Mending(INDEX, data, said)


def _two_ways(subject: Subject) -> Finding:
    said = f"{SINGLE} is read, and {INDEX} beside it is not"
    return Finding(GROUP, "index", Level.NOTE, said, "delete the one that is not the model's")


def _no_index(subject: Subject, shards: Shards, mending: Mending | None) -> Iterator[Finding]:
    files = shards.safetensors
    is_original = any(ORIGINAL.name("embedding") in file.tensors for file in files.values())
    # The released `original/` folders have none.
    if len(files) < 2 or is_original:
        return
    said = f"there is no {INDEX}: gptoss takes all files, other programs need it"
    remedy = subject.repair_command() if mending else subject.got_again()
    yield Finding(GROUP, "index", Level.WARNING, said, remedy, mending)


def _broken_index(subject: Subject, error: CheckpointError, mending: Mending | None) -> Finding:
    remedy = subject.got_again(subject.folder / INDEX)
    if mending is not None:
        remedy = f"{subject.repair_command()} makes it of the files' headers; or {remedy}"
    found = Finding.of_error(GROUP, "index", error, remedy)
    return Finding(GROUP, "index", found.level, found.said, remedy, mending)


def _compare(
    subject: Subject, shards: Shards, index: Index, mending: Mending | None, *, is_whole: bool
) -> Iterator[Finding]:
    """The index against what the files hold."""
    held = {name: path.name for path, file in shards.safetensors.items() for name in file.tensors}
    opened = {path.name for path in shards.safetensors}
    remedy = subject.repair_command() if mending else subject.got_again()

    def fault(said: str) -> Finding:
        return Finding(GROUP, "index", Level.WARNING, said, remedy, mending)

    for name, file in index.weight_map.items():
        if file in opened and held.get(name) != file:
            where = f"{held[name]} has it" if name in held else "no file has it"
            yield fault(f"{INDEX} says that {shorten(name)} is in {file}, but {where}")
    for name, file in held.items():
        if name not in index.weight_map:
            yield fault(f"{INDEX} does not name {shorten(name)}, which {file} has")
    size = _size(shards)
    if is_whole and index.total_size is not None and index.total_size != size:
        yield fault(
            f"{INDEX} announces {shorten(index.total_size)} bytes of tensors, and there are {size}"
        )


def _twice(shards: Shards) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for path, file in shards.safetensors.items():
        for name in file.tensors:
            if first.setdefault(name, path.name) != path.name:
                said = f"the tensor {shorten(name)} is in {first[name]} and in {path.name}"
                remedy = "remove the file that does not belong to the model"
                yield Finding(GROUP, "weights", Level.ERROR, said, remedy)


def _size(shards: Shards) -> int:
    """Bytes of all tensors."""
    return sum(tensor.num_bytes for file in shards.files for tensor in file.tensors.values())


def _summary(shards: Shards) -> Finding:
    files = shards.files
    kind = "GGUF" if shards.gguf else "safetensors"
    count = sum(len(file.tensors) for file in files)
    plural = "" if len(files) == 1 else "s"
    said = f"{len(files)} {kind} file{plural} that can be read, {disk_size(_size(shards))} in {count} tensors"
    return Finding(GROUP, "weights", Level.OK, said)
