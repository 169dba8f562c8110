"""What a process inside gives up, in the form that the files inside carry out."""

from __future__ import annotations

import os
import platform
import resource
from typing import Any

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import landlock
from gptoss.tools.sandbox.bubblewrap import DATA, NOBODY, SCRATCH
from gptoss.tools.sandbox.inside.kernel import RESERVES
from gptoss.tools.sandbox.interpreter import DEVICES, Interpreter
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.seccomp import assembled, program
from gptoss.tools.sandbox.syscalls import ARCHITECTURES

_MOST_SIGNALS = 128


def in_bubblewrap(interpreter: Interpreter, limits: Limits) -> dict[str, Any]:
    """The plan of a process that bwrap started."""
    # From root, bwrap is process 1 itself.
    pid = 2 if os.geteuid() == 0 else 1
    return {
        **_shared(interpreter, limits),
        "parent": None,
        "landlock": None,
        "unreachable": [],
        "folders": {},
        "writable": [DATA, SCRATCH, "/dev/null"],
        "pid": pid,
        "filter": _filter(pid, on_host_files=False),
    }


def in_landlock(
    interpreter: Interpreter, limits: Limits, *, pid: int, data: str, scratch: str
) -> dict[str, Any]:
    """The plan of a process of this machine's; its folders are `data` and `scratch`."""
    writable = [data, scratch, "/dev/null"]
    readable = [*interpreter.readable(), *filter(os.path.exists, DEVICES)]
    return {
        **_shared(interpreter, limits),
        "parent": os.getpid(),
        "landlock": landlock.ruleset(landlock.version(), readable, writable),
        "unreachable": interpreter.unreachable() if os.geteuid() == 0 else [],
        "folders": {DATA: data, SCRATCH: scratch},
        "writable": writable,
        "pid": pid,
        "filter": _filter(pid, on_host_files=True),
    }


def _shared(interpreter: Interpreter, limits: Limits) -> dict[str, Any]:
    return {
        "user": NOBODY if os.geteuid() == 0 else None,
        "limits": _rlimits(limits),
        "readable": [*interpreter.readable(), *DEVICES],
        "sites": list(interpreter.sites),
        "most_characters": limits.output_bytes,
        "most_images": limits.num_images,
        "most_image_bytes": limits.image_bytes,
    }


def _rlimits(limits: Limits) -> list[tuple[int, int, int]]:
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_CORE: 0,
        # Pages that cannot be swapped, and queues that no process owns.
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        # Timers and signals that wait, of which a user has so many in all its processes.
        resource.RLIMIT_SIGPENDING: _MOST_SIGNALS,
    }
    found = []
    for kind, most in wanted.items():
        # One that is lower already, such as that of a service, cannot be raised.
        _, hard = resource.getrlimit(kind)
        most += RESERVES.get(kind, 0)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        found.append((kind, value, value))
    return found


def _filter(pid: int, *, on_host_files: bool) -> str:
    machine = platform.machine()
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        known = " and ".join(ARCHITECTURES)
        raise SandboxError(f"got a machine of the kind {machine}; sandboxes are for {known}")
    return assembled(program(architecture, pid, on_host_files=on_host_files)).hex()
