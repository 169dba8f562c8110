"""Whether this machine has room for the model: memory, the disk of laid out weights, and how fast files are read."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

from gptoss import kernels
from gptoss.engine import EngineOptions
from gptoss.errors import CheckpointError, GptossError, MemoryBudgetError, OutputError
from gptoss.files.regular import kind_of, open_regular
from gptoss.files.room import free_bytes
from gptoss.files.sizes import disk_size, memory_size
from gptoss.model.checkpoint import Checkpoint
from gptoss.model.packed_file import PackedFile, room_for
from gptoss.model.packing import Packing
from gptoss.runtime.doctor.finding import Finding, Level, Look
from gptoss.runtime.doctor.subject import Subject
from gptoss.runtime.fitting import fit, weights_of
from gptoss.runtime.machine_memory import available_memory
from gptoss.runtime.memory_plan import largest_fit, plan_memory
from gptoss.runtime.options import ModelOptions
from gptoss.runtime.packed_weights import SMALL_BYTES, cache_directory

GROUP = "room"
# Read to measure a disk, for so long at most; of less, a measurement says nothing.
_READ_BYTES, _READ_S, _LEAST_BYTES = 256 << 20, 1.5, 64 << 20
_PIECE = 4 << 20
# A hard disk, or a network's.
_SLOW_BYTES_PER_S = 150e6


def look_at_room(
    subject: Subject, checkpoint: Checkpoint, weights_cache: str | Path | None
) -> Look[None]:
    """What `gptoss chat` would take, without an option."""
    yield _memory(subject, checkpoint)
    _, weight_type, _ = ModelOptions().numbers()
    packing = Packing(
        checkpoint.config, checkpoint.weights, weight_type, kernels.Backend(threads=1)
    )
    files = [file.path for file in checkpoint.files]
    if packing.num_bytes <= SMALL_BYTES:
        yield Finding(
            GROUP, "disk", Level.OK, "no room is needed: weights of this size are kept in memory"
        )
    else:
        try:
            folder = (
                cache_directory() if weights_cache is None else Path(weights_cache).expanduser()
            )
            packed = PackedFile(folder, checkpoint, weight_type)
            yield _disk(subject, packed, packing)
            if packed.path.is_file():
                files = [packed.path]
        except (OutputError, RuntimeError) as error:
            yield Finding.of_error(GROUP, "disk", error)
    yield _speed(files, max(checkpoint.num_bytes, packing.num_bytes))


def _memory(subject: Subject, checkpoint: Checkpoint) -> Finding:
    options = ModelOptions(max_batch=1)
    _, weight_type, cache_type = options.numbers()
    most = checkpoint.config.max_positions
    budget = available_memory()
    if budget is None:
        return Finding(
            GROUP, "memory", Level.NOTE, "not compared: the system does not say how much there is"
        )
    fit_command = f"`gptoss fit {subject.command_option}`"
    engine = options.engine_options(most)
    weights = weights_of(checkpoint, weight_type)
    fitting = largest_fit(checkpoint.config, weights, engine, cache_type, budget)
    if fitting is None:
        said, _, instead = _refusal(checkpoint, engine, budget).partition("; ")
        remedy = f"{fit_command} shows all ways; {instead}"
        return Finding(GROUP, "memory", Level.ERROR, said, remedy)
    plan = plan_memory(checkpoint.config, weights, fitting, cache_type)
    context = fitting.context or most
    said = f"a conversation of {context:,} tokens takes {memory_size(plan.total)} of {memory_size(budget)}"
    if context == most:
        return Finding(GROUP, "memory", Level.OK, said)
    return Finding(
        GROUP,
        "memory",
        Level.NOTE,
        f"{said}; the model could have {most:,}",
        f"{fit_command} shows other ways",
    )


def _refusal(checkpoint: Checkpoint, engine: EngineOptions, budget: int) -> str:
    """How a command would refuse a model that does not fit."""
    _, weight_type, cache_type = ModelOptions().numbers()
    try:
        fit(checkpoint, weight_type, engine, cache_type, budget=budget)
    except MemoryBudgetError as error:
        return str(error)
    raise AssertionError("the same sums give the same answer")


def _disk(subject: Subject, packed: PackedFile, packing: Packing) -> Finding:
    """Whether weights are laid out already, or can be."""
    path = packed.path
    elsewhere = (
        f"`gptoss chat {subject.command_option} --weights-cache DIR` with a folder on another disk"
    )
    try:
        if packed.open(packing) is not None:
            return Finding(GROUP, "disk", Level.OK, f"weights are laid out already: {path}")
    except CheckpointError as error:
        clear = f"`gptoss cache clear --weights-cache {shlex.quote(str(path.parent))}` removes it"
        remedy = f"none is needed, it is made anew at the next start; {clear}"
        return Finding(GROUP, "disk", Level.NOTE, str(error), remedy)
    wanted = room_for(packing)
    there = _nearest(path.parent)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        kind = "a folder that may not be written to" if there.is_dir() else _kind(there)
        said = f"{there}, where {disk_size(wanted)} of laid out weights would go, is {kind}"
        said += ": every start lays them out anew"
        return Finding(GROUP, "disk", Level.WARNING, said, elsewhere)
    try:
        free = free_bytes(path.parent)
    except OSError as error:
        said = f"cannot look at the disk of {path.parent}: {error.strerror}"
        return Finding(GROUP, "disk", Level.ERROR, said, elsewhere)
    said = f"{path.parent} has {disk_size(free)} free, laid out weights take {disk_size(wanted)}"
    if free < wanted:
        said += ": without that file every start lays them out"
        return Finding(GROUP, "disk", Level.WARNING, said, f"make room, or {elsewhere}")
    return Finding(GROUP, "disk", Level.OK, f"{said}, at the first start")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above that is there."""
    return next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))


def _kind(path: Path) -> str:
    return f"a {kind_of(os.lstat(path).st_mode)}"


def _speed(files: list[Path], num_bytes: int) -> Finding:
    if not hasattr(os, "posix_fadvise"):
        said = "not measured: this system cannot be told to forget what it has read"
        return Finding(GROUP, "reading", Level.NOTE, said)
    largest = max(files, key=lambda path: path.stat().st_size)
    if largest.stat().st_size < _LEAST_BYTES:
        return Finding(
            GROUP, "reading", Level.OK, "not measured: files of this size are read at once"
        )
    speed = reading_speed(largest)
    said = f"{disk_size(int(speed))}/s; all of {disk_size(num_bytes)} in {num_bytes / speed:.0f} s"
    if speed >= _SLOW_BYTES_PER_S:
        return Finding(GROUP, "reading", Level.OK, said)
    said += ": the first answer after a start waits for that"
    remedy = "move the files to a local SSD"
    return Finding(GROUP, "reading", Level.WARNING, said, remedy)


def reading_speed(path: Path) -> float:
    """Bytes a second from the disk, over some of a file's middle that the system was told to forget.

    Raises OSError.
    """
    piece = bytearray(_PIECE)
    with open_regular(path) as descriptor:
        size = os.fstat(descriptor).st_size
        span = min(_READ_BYTES, size)
        begin = (size - span) // 2 // _PIECE * _PIECE
        os.posix_fadvise(descriptor, begin, span, os.POSIX_FADV_DONTNEED)
        began, done = time.perf_counter(), 0
        while done < span and time.perf_counter() - began < _READ_S:
            count = os.preadv(descriptor, [piece], begin + done)
            if not count:
                raise OSError(f"{path} ends early")
            done += count
        return done / (time.perf_counter() - began)


def skipped(why: GptossError | str) -> Finding:
    """What is said where the model cannot be opened."""
    return Finding(GROUP, "memory", Level.NOTE, f"not looked at: {why}")
