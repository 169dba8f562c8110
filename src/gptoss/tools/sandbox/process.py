"""One process in a sandbox, seen from outside: started, spoken to by pipes, signalled, ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from select import POLLIN, POLLOUT, poll
from typing import Any

from gptoss.errors import SandboxError
from gptoss.tools.sandbox.bundle import BOOTSTRAP, first_words
from gptoss.tools.sandbox.interpreter import Interpreter

# A busy machine takes its time; a start takes some hundredths of a second.
_START_S = 30.0
_MOST_WORDS = 64 << 10
# A busy machine may take as long to let a process stop.
_PAUSE_S, _PAUSE_LOOK_S = 30.0, 0.0002
# States of a thread in /proc: stopped, traced, ended.
_AT_REST = (b"T", b"t", b"Z", b"X")
# Isolated from variables and the user's folders, without the code of `.pth` files, and without leaving byte code.
_FLAGS = ("-I", "-S", "-B", "-c", BOOTSTRAP)


class Process:
    """A process that waits for cells once `begin` has returned. Its pipes are for whoever runs cells in it.

    commands         the end to write cells to
    replies          the end to read answers from
    stdout, stderr   what the code prints
    """

    def __init__(
        self,
        interpreter: Interpreter,
        wrapper: Callable[[int], list[str]] | None,
        environment: Mapping[str, str],
    ) -> None:
        """Raises SandboxError where it cannot be started.

        wrapper  makes the command that starts the interpreter's, by the descriptor on which it tells its child
        """
        inner_commands, self.commands = os.pipe()
        self.replies, inner_replies = os.pipe()
        self.stdout, inner_stdout = os.pipe()
        self.stderr, inner_stderr = os.pipe()
        self._info, inner_info = os.pipe()
        # Of what ends with all in it, and of the interpreter: one process, but for a wrapper's own inside.
        self._whole = self._pidfd = -1
        self._popen: subprocess.Popen[bytes] | None = None
        inner = (inner_commands, inner_replies, inner_stdout, inner_stderr, inner_info)
        command = [interpreter.executable, *_FLAGS, str(inner_commands), str(inner_replies)]
        passed = [inner_commands, inner_replies]
        if wrapper is not None:
            command = [*wrapper(inner_info), *command]
            passed.append(inner_info)
        self._is_wrapped = wrapper is not None
        self._is_alike = interpreter.is_alike
        try:
            # Nothing of the host's is in its environment, nor in that of what starts it, which can be read inside.
            start = _spawner().submit(
                subprocess.Popen,
                command,
                stdin=subprocess.DEVNULL,
                stdout=inner_stdout,
                stderr=inner_stderr,
                env=dict(environment),
                cwd="/",
                pass_fds=passed,
                close_fds=True,
                start_new_session=True,
            )
            self._popen = start.result()
        except OSError as error:
            self.close()
            raise SandboxError(f"{command[0]} cannot be started: {error.strerror}") from None
        finally:
            for descriptor in inner:
                os.close(descriptor)
        self.pid = self._popen.pid

    def begin(self, plan: dict[str, Any]) -> None:
        """Send what it runs and gives up, and wait until it has. Raises SandboxError, and the process is ended then."""
        try:
            until = time.monotonic() + _START_S
            if self._is_wrapped:
                self.pid = self._inner_pid(until)
            # By a number alone, another process could be meant once this one has ended.
            self._whole = os.pidfd_open(self.pid)
            self._offer()
            _send(self.commands, first_words(plan, is_alike=self._is_alike), until)
            size = int.from_bytes(_receive(self.replies, 4, until), "big")
            said = json.loads(_receive(self.replies, min(size, _MOST_WORDS), until))
            if plan["pid"] == 2 and "ready" in said:
                (child,) = _children(self.pid)
                self._pidfd = os.pidfd_open(child)
                # It was the same all the time, or its parent would have ended.
                _children(self.pid).index(child)
                self.pid = child
            else:
                self._pidfd = os.dup(self._whole)
        except (OSError, ValueError, EOFError) as error:
            words = self._last_words()
            self.close()
            raise SandboxError(
                words or f"it did not start ({error or type(error).__name__})"
            ) from None
        if "ready" not in said:
            self.close()
            raise SandboxError(str(said.get("failed")))
        for descriptor in (self.commands, self.replies, self.stdout, self.stderr):
            os.set_blocking(descriptor, False)

    def cpu_s(self) -> float:
        """What it has taken of the processor's time, with all of its threads; 0 once it has ended."""
        fields = self._stat()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0

    def num_threads(self) -> int:
        """How many threads it has; 0 once it has ended."""
        fields = self._stat()
        return int(fields[17]) if fields else 0

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        _signal(self._pidfd, signal.SIGINT)

    def pause(self) -> bool:
        """Have nothing of it run until `resume`, no thread and no timer; whether that was reached."""
        until = time.monotonic() + _PAUSE_S
        _signal(self._pidfd, signal.SIGSTOP)
        # The code cannot refuse, but a write that has begun is carried out.
        while not self._is_paused():
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE_LOOK_S)
        return True

    def resume(self) -> None:
        """Have it go on; harmless when it was not paused."""
        _signal(self._pidfd, signal.SIGCONT)

    def kill(self) -> None:
        """End it for good, and all that it is."""
        _signal(self._whole, signal.SIGKILL)
        if self._popen is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                # A wrapper ends by itself once there is nothing in it.
                self._popen.wait(1.0 if self._is_wrapped and self._whole >= 0 else 0)
            self._popen.kill()
            self._popen.wait()

    def close(self) -> None:
        """End it, and give back all that it took."""
        self.kill()
        pipes = (self.commands, self.replies, self.stdout, self.stderr, self._info)
        for descriptor in (*pipes, self._whole, self._pidfd):
            if descriptor >= 0:
                os.close(descriptor)
        self.commands = self.replies = self.stdout = self.stderr = self._info = -1
        self._whole = self._pidfd = -1

    def _is_paused(self) -> bool:
        """Whether each thread of it is stopped, or has ended."""
        try:
            for thread in os.listdir(f"/proc/{self.pid}/task"):
                with (
                    contextlib.suppress(FileNotFoundError, ProcessLookupError),
                    open(f"/proc/{self.pid}/task/{thread}/stat", "rb") as file,
                ):
                    # Behind its name, which may have anything in it.
                    if file.read().rpartition(b") ")[2][:1] not in _AT_REST:
                        return False
        except FileNotFoundError:
            # All of it has ended.
            return True
        return True

    def _offer(self) -> None:
        """Have the kernel end this process before any other where memory is short: the server is worth more."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/oom_score_adj", "w") as file:
            file.write("1000")

    def _stat(self) -> list[str]:
        """What the kernel says of it in numbers, from its state on; nothing once it has ended."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
                # Its name may have anything in it, and ends with the last bracket.
                return file.read().rpartition(")")[2].split()
        except OSError:
            return []

    def _inner_pid(self, until: float) -> int:
        said = b""
        while b"}" not in said:
            said += _receive(self._info, 1, until)
        return int(json.loads(said)["child-pid"])

    def _last_words(self) -> str:
        """What whoever should have started it said of why it did not."""
        try:
            _await(self.stderr, POLLIN, time.monotonic() + 0.5)
            text = os.read(self.stderr, _MOST_WORDS).decode(errors="replace")
        except OSError:
            return ""
        return text.strip().rpartition("\n")[2][:500]


def _signal(pidfd: int, number: int) -> None:
    if pidfd >= 0:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)


def _children(pid: int) -> list[int]:
    """A process's children. Raises OSError where the kernel does not list them (CONFIG_PROC_CHILDREN)."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


@cache
def _spawner() -> ThreadPoolExecutor:
    """The thread that starts all of them: a process that dies with its parent dies with that thread."""
    return ThreadPoolExecutor(1, "sandboxes")


def _send(descriptor: int, data: bytes, until: float) -> None:
    os.set_blocking(descriptor, False)
    rest = memoryview(data)
    while rest:
        _await(descriptor, POLLOUT, until)
        with contextlib.suppress(BlockingIOError):
            rest = rest[os.write(descriptor, rest) :]


def _receive(descriptor: int, size: int, until: float) -> bytes:
    data = b""
    while len(data) < size:
        _await(descriptor, POLLIN, until)
        part = os.read(descriptor, size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _await(descriptor: int, event: int, until: float) -> None:
    """Wait until a pipe can be read or written. Raises TimeoutError."""
    waiting = poll()
    waiting.register(descriptor, event)
    if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError("it took too long")
