"""What the kernel says of a process in a sandbox, seen from outside, by this process's own user."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gptoss.tools.sandbox import Session

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_LIMIT = re.compile(r"Max (.+?) {2,}(\S+) +(\S+)")


def confined(session: Session) -> dict[str, Any]:
    """Its rights, limits and descriptors, the namespaces that it shares, and the environment of all that started it."""
    code = "import os\nos.read(0, 9), sorted(os.environ), os.uname().nodename, os.getuid()"
    inside = session.run(code).value
    process = session._sandbox.process
    assert process is not None
    folder = Path(f"/proc/{process.pid}")
    status = (line.partition(":") for line in (folder / "status").read_text().splitlines())
    return {
        "inside": inside,
        "status": {name: " ".join(value.split()) for name, _, value in status},
        "terminal": int(_stat(process.pid)[4]),
        "is_of_our_session": int(_stat(process.pid)[3]) == os.getsid(0),
        "hard_limits": {n: hard for n, _, hard in _LIMIT.findall((folder / "limits").read_text())},
        "descriptors": {n: os.readlink(folder / "fd" / n) for n in os.listdir(folder / "fd")},
        "shared_namespaces": [name for name in NAMESPACES if _is_shared(process.pid, name)],
        "mounts": _mounts(folder),
        "environments": [_environment(pid) for pid in _line_of(process.pid)],
        "oom_score_adj": int((folder / "oom_score_adj").read_text()),
    }


def _mounts(folder: Path) -> dict[str, list[str]]:
    """Options of each mount and of its file system, by its place."""
    lines = [line.split() for line in (folder / "mountinfo").read_text().splitlines()]
    return {line[4]: [*line[5].split(","), *line[-1].split(",")] for line in lines}


def _line_of(pid: int) -> list[int]:
    """A process and those that started it, up to this one."""
    found = []
    while pid != os.getpid():
        found.append(pid)
        pid = int(_stat(pid)[1])
    return found


def _stat(pid: int) -> list[str]:
    """The fields behind its name, which may have anything in it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _is_shared(pid: int, name: str) -> bool:
    return os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")


def _environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")[:-1]
