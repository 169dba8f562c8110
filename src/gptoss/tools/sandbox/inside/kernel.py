"""The process in a sandbox: takes cells from one pipe, writes what became of each to another.

What the code prints goes to pipes of its own, as bytes, from Python or from C; the host reads and counts them.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import builtins
import ctypes
import io
import marshal
import os
import resource
import sys
from _json import encode_basestring_ascii as quoted

from gptoss.tools.sandbox.inside import cell, confinement, figures, redirection
from gptoss.tools.sandbox.inside.attempts import Attempts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, NoReturn

# Beside the limits, of address space and descriptors: so that a cell which took all can still be told about.
RESERVES = {resource.RLIMIT_AS: 64 << 20, resource.RLIMIT_NOFILE: 16}


class Kernel:
    """Runs cells until its pipe ends."""

    def __init__(self, commands: IO[bytes], replies: int, plan: dict[str, Any]) -> None:
        self._commands = commands
        self._replies = replies
        self._plan = plan
        self._streams = [os.dup(number) for number in range(3)]
        self._is_running = self._was_interrupted = False
        self._libc = ctypes.CDLL(None)
        self._hard = {kind: resource.getrlimit(kind)[1] for kind in RESERVES}
        self._notebook = cell.Notebook()
        self._attempts = Attempts(plan["readable"], plan["writable"])

    def serve(self) -> None:
        """Answer each cell; returns when the host has gone."""
        self._stand_ready()
        _write(self._replies, framed({"ready": "yes"}))
        if self._plan["folders"]:
            kept = [*self._plan["readable"], *self._plan["writable"]]
            redirection.redirect(self._plan["folders"], kept)
        self._attempts.watch()
        while (command := self._next()) is not None:
            _write(self._replies, self._run(command))

    def _next(self) -> dict[str, Any] | None:
        head = self._commands.read(4)
        if len(head) < 4:
            return None
        body = self._commands.read(int.from_bytes(head, "big"))
        command: dict[str, Any] = marshal.loads(body)
        return command

    def _run(self, command: dict[str, Any]) -> bytes:
        """Run a cell; what became of it, as it is answered."""
        self._stand_ready()
        reason, text, trace = self._outcome(command["code"])
        pictures: list[bytes] = []
        said: list[str] = []
        try:
            pictures, said = self._pictures()
        except BaseException as error:
            said = [f"pictures are left out: {type(error).__name__}"]
        self._reserve(is_used=True)
        self._print_last([*said, trace] if trace else said)
        most = self._plan["most_characters"]
        value = text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"
        parts = [value.encode(errors="backslashreplace"), *pictures]
        sizes = [*map(len, parts)]
        head = framed({"reason": reason, "refused": self._attempts.take(), "sizes": sizes})
        return b"".join([command["nonce"].encode(), head, *parts])

    def _outcome(self, source: str) -> tuple[str, str, str]:
        """Why the cell ended, the echo of its value, and the traceback of its error."""
        try:
            try:
                self._was_interrupted = False
                self._is_running = True
                return "finished", self._notebook.run(source), ""
            finally:
                self._is_running = False
        except SystemExit as error:
            if error.code in (None, 0):
                return "finished", "", ""
            return "error", "", f"SystemExit: {error.code}\n"
        except KeyboardInterrupt as error:
            # The code may raise it too: then nobody has stopped it.
            reason = "interrupted" if self._was_interrupted else "error"
            return reason, "", self._told(error)
        except MemoryError as error:
            return "memory", "", self._told(error)
        except BaseException as error:
            return "error", "", self._told(error)

    def _told(self, error: BaseException) -> str:
        self._reserve(is_used=True)
        try:
            return self._notebook.told(error)
        except BaseException as fault:
            return f"{type(error).__name__} (which cannot be shown: {type(fault).__name__})\n"

    def _pictures(self) -> tuple[list[bytes], list[str]]:
        plan = self._plan
        taken, said = figures.take(plan["most_images"], plan["most_image_bytes"])
        more, also = figures.of_value(self._notebook.value, plan["most_image_bytes"])
        self._notebook.value = None
        return [*taken, *more][: plan["most_images"]], [*said, *also]

    def _stand_ready(self) -> None:
        """Have all that a cell finds be as the first one found it, whatever the last one did to it."""
        for number, kept in enumerate(self._streams):
            os.dup2(kept, number)
        sys.settrace(None)
        sys.setprofile(None)
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # No new descriptor is needed for any of it: the code may hold all that there are.
        sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))  # type: ignore[misc]
        sys.stdout = sys.__stdout__ = _text(1)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _text(2)  # type: ignore[misc]
        builtins.input = _no_input
        self._reserve(is_used=False)

    def _print_last(self, lines: list[str]) -> None:
        """Whatever is still in buffers, of Python and of C, and then these."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                continue
        self._libc.fflush(None)
        for line in lines:
            data = line if line.endswith("\n") else f"{line}\n"
            _write(self._streams[2], data.encode(errors="backslashreplace"))

    def _reserve(self, *, is_used: bool) -> None:
        for kind, amount in RESERVES.items():
            hard = self._hard[kind]
            resource.setrlimit(kind, (hard if is_used else hard - amount, hard))

    def _interrupted(self, *_: object) -> None:
        """An interrupt that comes too late is none."""
        if self._is_running:
            self._is_running = False
            self._was_interrupted = True
            raise KeyboardInterrupt


def framed(head: dict[str, str | list[str] | list[int]]) -> bytes:
    """What the host reads as JSON, after its length."""
    parts = (f"{quoted(key)}:{_written(value)}" for key, value in head.items())
    body = f"{{{','.join(parts)}}}".encode("ascii")
    return len(body).to_bytes(4, "big") + body


def _written(value: str | int | list[str] | list[int]) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    return quoted(value) if isinstance(value, str) else str(value)


def _text(descriptor: int) -> io.TextIOWrapper:
    binary = io.BufferedWriter(io.FileIO(descriptor, "wb", closefd=False))
    return io.TextIOWrapper(binary, "utf-8", "backslashreplace", line_buffering=True)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _no_input(*_: object) -> NoReturn:
    raise EOFError("input() has nobody to answer it here")


def main(commands: IO[bytes], replies: int, plan: dict[str, Any]) -> None:
    """Confine this process, and run cells in it."""
    try:
        figures.prepare()
        confinement.confine(plan)
        os.chdir(plan["writable"][0])
        # As in a notebook, modules beside it can be imported.
        sys.path.insert(0, "")
        kernel = Kernel(commands, replies, plan)
    except BaseException as error:
        _write(replies, framed({"failed": f"{type(error).__name__}: {error}"}))
        os._exit(1)
    try:
        kernel.serve()
    except BaseException:
        # The code has closed or filled what answers go through, and nobody is to see where that was noticed.
        os._exit(1)
    os._exit(0)
