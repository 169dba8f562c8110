"""Reads all weights once: their values, and their hashes against the published ones."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from gptoss.files.regular import open_regular, read_at
from gptoss.hub.listing import HubFile
from gptoss.hub.partial_file import Digest
from gptoss.runtime.doctor.finding import Finding, Level, Look, some_of
from gptoss.runtime.doctor.hashes import PublishedHashes
from gptoss.runtime.doctor.shards import Shards
from gptoss.runtime.doctor.subject import Subject
from gptoss.runtime.doctor.values import Values, values_of

GROUP = "weights"
_PIECE = 4 << 20
# So much of a hash tells two apart for a person.
_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,52}\b")


def look_at_weights(
    subject: Subject,
    shards: Shards,
    published: PublishedHashes,
    on_reading: Callable[[int, int], object] | None,
) -> Look[None]:
    """Read every byte of the weights, a piece at a time; `on_reading` hears of bytes done and bytes in all."""
    files = shards.files
    total = sum(file.status.st_size for file in files)
    done = 0

    def advance(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        if on_reading is not None:
            on_reading(done, total)

    bad: list[Finding] = []
    differing: list[Finding] = []
    num_known, num_values = 0, 0
    for file in files:
        try:
            known = published.of(file.path)
            values = values_of(file)
            problem = _read(file.path, values, known, advance)
        except OSError as error:
            reason = error.strerror or str(error)
            said = f"{file.path.name} cannot be read to its end: {reason}"
            bad.append(
                Finding(GROUP, "values", Level.ERROR, said, "check the disk's health; copy it anew")
            )
            continue
        num_known += known is not None
        num_values += len(values)
        if problem is not None:
            differing.append(differs(subject, file.path, problem, GROUP))
        bad += (_values_finding(subject, file.path, each) for each in values if each.problem())
    yield from some_of(differing)
    if not differing and num_known:
        yield Finding(GROUP, "hashes", Level.OK, f"{_count(num_known)} as published")
    if num_known < len(files):
        said = f"not compared for {_count(len(files) - num_known)}: the folder does not say what was published"
        yield Finding(GROUP, "hashes", Level.NOTE, published.problem or said)
    yield from some_of(bad)
    if not bad:
        said = f"those of {num_values} tensors are numbers, and scales are in their range"
        yield Finding(GROUP, "values", Level.OK, said)


def hash_problem(path: Path, known: HubFile) -> str | None:
    """How a file differs from what was published; None where it does not. Raises OSError."""
    return _read(path, [], known, lambda _: None)


def differs(subject: Subject, path: Path, problem: str, group: str) -> Finding:
    """What is said of a file that is not the published one."""
    short = _HASH.sub(r"\1...", problem)
    said = f"{path.name} is not the file that was published: {short}"
    return Finding(group, "hashes", Level.ERROR, said, subject.got_again(path))


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _values_finding(subject: Subject, path: Path, values: Values) -> Finding:
    level = Level.ERROR if values.num_bad else Level.WARNING
    return Finding(
        GROUP, "values", level, f"{path.name}: {values.problem()}", subject.got_again(path)
    )


def _read(
    path: Path, values: list[Values], known: HubFile | None, advance: Callable[[int], object]
) -> str | None:
    """Read a file through; the problem with its hash."""
    with open_regular(path) as descriptor:
        size = os.fstat(descriptor).st_size
        is_size_wrong = known is not None and known.size != size
        digest = None if known is None or is_size_wrong else Digest(known)
        for begin, end, looked_at in _stretches(values, size):
            unit = 1 if looked_at is None else looked_at.unit
            step = max(1, _PIECE // unit) * unit
            for at in range(begin, end, step):
                piece = read_at(descriptor, min(step, end - at), at)
                if digest is not None:
                    digest.update(piece)
                if looked_at is not None:
                    looked_at.look(piece)
                advance(len(piece))
    if known is not None and is_size_wrong:
        return f"it has {size:,} bytes, wanted {known.size:,}"
    return None if digest is None else digest.problem()


def _stretches(values: list[Values], size: int) -> Iterator[tuple[int, int, Values | None]]:
    """A file from its first byte to its last, cut where tensors begin and end."""
    at = 0
    for each in values:
        if each.start > at:
            yield at, each.start, None
        yield each.start, each.end, each
        at = each.end
    if size > at:
        yield at, size, None
