"""What the code asked for that no sandbox gives: noted for whoever reads the result, not what refuses it.

Python tells of its own calls; what a library does by itself is refused in silence.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST = 20
_MOST_CHARACTERS = 120
_PROCESSES = frozenset(
    {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "pty.spawn"}
)
_LINKS = frozenset({"os.symlink", "os.link"})


class Attempts:
    """Notes attempts, each kind and object once.

    readable  what may be read
    writable  what may be written as well
    """

    def __init__(self, readable: list[str], writable: list[str]) -> None:
        self._readable = tuple(readable)
        self._writable = tuple(writable)
        self._noted: dict[str, None] = {}

    def watch(self) -> None:
        """Begin, for good: such a hook cannot be taken away."""
        sys.addaudithook(self._hook)

    def take(self) -> list[str]:
        """What was noted since the last time."""
        noted, self._noted = list(self._noted), {}
        return noted

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Called for each import: what decides most calls comes first.
        if event == "open":
            self._file(arguments[0], arguments[2])
        elif event == "subprocess.Popen":
            self._note("process", _command(arguments[1]))
        elif event in _PROCESSES:
            self._note("process", event)
        elif event == "socket.getaddrinfo":
            self._note("network", str(arguments[0]))
        elif event == "socket.connect":
            self._note("network", str(arguments[1]))
        elif event == "socket.__new__" and arguments[1] != 1:
            self._note("network", "socket")
        elif event in _LINKS:
            self._note("link", str(arguments[0]))
        elif event == "os.kill" and arguments[0] != os.getpid():
            self._note("signal", f"process {arguments[0]}")

    def _file(self, path: Any, flags: Any) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str) or not isinstance(flags, int):
            return
        whole = os.path.normpath(path if path.startswith("/") else f"{self._writable[0]}/{path}")
        if _is_beneath(whole, self._writable):
            return
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._note("write", whole)
        elif not _is_beneath(whole, self._readable):
            self._note("read", whole)

    def _note(self, kind: str, what: str) -> None:
        if len(self._noted) < _MOST:
            self._noted[f"{kind}: {what[:_MOST_CHARACTERS]}"] = None


def _is_beneath(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _command(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else " ".join(map(str, arguments))
