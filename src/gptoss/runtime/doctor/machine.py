"""The machine: versions, processor, cores, memory, swap."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from gptoss import kernels
from gptoss.errors import KernelError
from gptoss.files.sizes import memory_size
from gptoss.kernels import control_group
from gptoss.kernels.machine import BF16_PAIRS_VARIABLE, ISA_VARIABLE, choose_bf16_pairs, choose_isa
from gptoss.runtime.doctor.finding import Finding, Level, Look
from gptoss.runtime.machine_memory import available_memory

GROUP = "machine"
# Swapped out by then, a machine is short of memory.
_MUCH_SWAPPED = 1 << 30


def look_at_machine() -> Look[None]:
    """What does not depend on a model."""
    yield _versions()
    yield from _processor()
    yield _cores()
    yield _memory()
    yield _swap()


def _versions() -> Finding:
    try:
        own = version("gptoss")
    except PackageNotFoundError:
        own = "of no installed version"
    said = (
        f"gptoss {own}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"{platform.system()} {platform.release()} on {platform.machine()}"
    )
    return Finding(GROUP, "versions", Level.OK, said)


def _processor() -> Iterator[Finding]:
    model, best = _processor_model(), kernels.isas()[-1]
    try:
        chosen = choose_isa(None)
        choose_bf16_pairs(chosen, None)
    except KernelError as error:
        named = ISA_VARIABLE if ISA_VARIABLE in str(error) else BF16_PAIRS_VARIABLE
        yield Finding.of_error(GROUP, "processor", error, f"`unset {named}`")
        return
    said = f"{model}; kernels for {chosen}"
    if chosen != best:
        said += f", by {ISA_VARIABLE}; {best} is faster"
        yield Finding(GROUP, "processor", Level.NOTE, said, f"`unset {ISA_VARIABLE}`")
    elif best == "baseline":
        said += ", which is slow: no kernels for a newer instruction set run here"
        remedy = "in a virtual machine, have the host's processor shown to it; else use a newer one"
        yield Finding(GROUP, "processor", Level.WARNING, said, remedy)
    else:
        yield Finding(GROUP, "processor", Level.OK, said)


def _processor_model() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> Finding:
    usable, there, quota = kernels.available_threads(), os.cpu_count() or 1, control_group.cores()
    said = f"{usable} of {there} may be used" if usable < there else f"{usable} may be used"
    if quota == usable < there:
        said += ", by the quota of a control group"
    return Finding(GROUP, "cores", Level.OK, said)


def _memory() -> Finding:
    available, left = available_memory(), control_group.memory_left()
    if available is None:
        said = "the system does not say how much there is; nothing is planned by it"
        remedy = "say what may be taken, like `gptoss chat --memory 16G`"
        return Finding(GROUP, "memory", Level.NOTE, said, remedy)
    total = _meminfo("MemTotal")
    said = f"{memory_size(available)} to be had"
    if total is not None:
        said += f" of {memory_size(total)}"
    if left is not None and left <= available:
        said += ", by the limit of a control group"
    return Finding(GROUP, "memory", Level.OK, said)


def _swap() -> Finding:
    total, free = _meminfo("SwapTotal"), _meminfo("SwapFree")
    if not total or free is None:
        return Finding(GROUP, "swap", Level.OK, "none, and none is needed")
    used = total - free
    said = f"{memory_size(used)} of {memory_size(total)} in use"
    if used < _MUCH_SWAPPED:
        return Finding(GROUP, "swap", Level.OK, said)
    return Finding(
        GROUP,
        "swap",
        Level.NOTE,
        f"{said}: this machine has been short of memory",
        "close other programs before loading a model",
    )


def _meminfo(name: str) -> int | None:
    for line in _lines(Path("/proc/meminfo")):
        found, _, value = line.partition(":")
        if found == name and value.split():
            return int(value.split()[0]) * 1024
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
