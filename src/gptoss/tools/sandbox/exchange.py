"""One cell's way: sent to a process, watched while it runs, ended when it has to be, and its answer taken.

Whatever comes from inside is bytes of unknown origin: the code can write to every pipe that its process has.
"""

from __future__ import annotations

import codecs
import os
import secrets
import selectors
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gptoss.tools.sandbox.bundle import framed
from gptoss.tools.sandbox.captured import Captured
from gptoss.tools.sandbox.inside.figures import fault_of
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.output import Reason, printable
from gptoss.tools.sandbox.process import Process
from gptoss.tools.sandbox.replies import CUT_CHARACTERS, Reply, ReplyReader

_PIECE = 1 << 16
# Between two looks at the folders; more where a look takes long.
_LOOK_S = 0.05
_LOOK_SHARE = 5
# What is left in pipes once a cell has ended is at most what they hold; threads that print on do not keep it.
_MOST_DRAINED = 4 << 20
_MOST_REFUSED, _MOST_REFUSED_CHARACTERS = 20, 200
_UTF8 = codecs.getincrementaldecoder("utf-8")
_OWN_REASONS = (Reason.FINISHED, Reason.ERROR, Reason.INTERRUPTED, Reason.MEMORY)


class Interruption:
    """What stops a cell from another thread, before or while it runs."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.is_set = False
        # Closed meanwhile, the number could be that of another file.
        self._lock = threading.Lock()

    def set(self) -> None:
        """Have it stopped."""
        with self._lock:
            self.is_set = True
            if self.descriptor >= 0:
                os.eventfd_write(self.descriptor, 1)

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            if self.descriptor >= 0:
                os.close(self.descriptor)
            self.descriptor = -1


@dataclass(slots=True)
class Answer:
    """What a process said of a cell, checked; `is_process_over` says that it has ended, or must."""

    reason: Reason = Reason.KILLED
    value: str = ""
    images: tuple[bytes, ...] = ()
    refused: tuple[str, ...] = ()
    is_process_over: bool = True
    stdout: Captured = field(default_factory=lambda: Captured(0))
    stderr: Captured = field(default_factory=lambda: Captured(0))


class Exchange:
    """Runs one cell in a process."""

    def __init__(
        self,
        process: Process,
        limits: Limits,
        *,
        interruption: Interruption,
        has_room: Callable[[], bool],
        cpu_s: float | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`tell`: is given what the cell prints, as it comes; characters are whole.

        `cpu_s`: what it may take of the processor's time, seen at each look.
        """
        self._process = process
        self._limits = limits
        self._interruption = interruption
        self._has_room = has_room
        self._most_cpu_s = None if cpu_s is None else process.cpu_s() + cpu_s
        self._tell = tell
        self._decoder = _UTF8("replace")
        self._nonce = secrets.token_hex(16)
        self._replies = ReplyReader(self._nonce, limits)
        self._cause: Reason | None = None
        self._answer = Answer(
            stdout=Captured(limits.output_bytes), stderr=Captured(limits.output_bytes)
        )
        self._rest = memoryview(b"")
        self._is_answered = False
        self._is_over = False

    def run(self, code: str, timeout_s: float) -> Answer:
        """The answer, in `timeout_s` and what it takes to end it. Does not end the process."""
        self._rest = memoryview(framed({"code": code, "nonce": self._nonce}))
        process = self._process
        with selectors.DefaultSelector() as selector:
            for descriptor in (process.replies, process.stdout, process.stderr):
                selector.register(descriptor, selectors.EVENT_READ)
            selector.register(self._interruption.descriptor, selectors.EVENT_READ)
            selector.register(process.commands, selectors.EVENT_WRITE)
            self._loop(selector, time.monotonic() + timeout_s)
        if self._is_answered:
            self._drain()
        else:
            self._answer.reason = self._cause or Reason.KILLED
        return self._answer

    def _loop(self, selector: selectors.BaseSelector, until: float) -> None:
        """Until there is an answer, or nothing to wait for any more."""
        next_look = 0.0
        while not self._is_answered and not self._is_over:
            now = time.monotonic()
            if now >= until:
                if self._cause is not None:
                    return
                until = self._end(Reason.TIMEOUT)
            if now >= next_look:
                if not self._has_room():
                    # Two seconds more would fill a disk.
                    self._cause = Reason.DISK
                    return
                if self._process.num_threads() > self._limits.num_threads:
                    self._cause = Reason.THREADS
                    return
                if self._cause is None and self._is_worked_off():
                    until = self._end(Reason.TIMEOUT)
                if self._cause is not None:
                    # One that came before the cell had begun was for nobody; a cell hears the first alone.
                    self._process.interrupt()
                next_look = time.monotonic() + max(_LOOK_S, _LOOK_SHARE * (time.monotonic() - now))
            for key, _ in selector.select(max(0.0, min(until, next_look) - time.monotonic())):
                if key.fd == self._interruption.descriptor:
                    selector.unregister(key.fd)
                    if self._cause is None:
                        until = self._end(Reason.INTERRUPTED)
                elif key.fd == self._process.commands:
                    if not self._send():
                        selector.unregister(key.fd)
                else:
                    self._read(selector, key.fd)
            printed = self._answer.stdout.total + self._answer.stderr.total
            if printed > self._limits.written_bytes and self._cause is None:
                until = self._end(Reason.OUTPUT)

    def _is_worked_off(self) -> bool:
        return self._most_cpu_s is not None and self._process.cpu_s() > self._most_cpu_s

    def _end(self, cause: Reason) -> float:
        """Interrupt the cell; until when it may still answer."""
        self._cause = cause
        self._process.interrupt()
        return time.monotonic() + self._limits.grace_s

    def _send(self) -> bool:
        """Send what fits into the pipe; whether there is more."""
        try:
            self._rest = self._rest[os.write(self._process.commands, self._rest) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._rest)

    def _read(self, selector: selectors.BaseSelector, descriptor: int) -> None:
        data = self._part(descriptor)
        if data == b"":
            selector.unregister(descriptor)
            # The process closes this one by ending, or its code did, who then cannot be answered.
            self._is_over = self._is_over or descriptor == self._process.replies
        elif data is not None:
            self._take(descriptor, data)

    def _take(self, descriptor: int, data: bytes) -> None:
        if descriptor == self._process.stdout:
            self._answer.stdout.add(data)
            if self._tell is not None and (text := self._decoder.decode(data)):
                self._tell(text)
        elif descriptor == self._process.stderr:
            self._answer.stderr.add(data)
        else:
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        try:
            reply = self._replies.feed(data)
        except ValueError:
            # Whoever wrote it, nothing behind it can be told apart any more.
            self._is_over = True
            return
        if reply is not None:
            self._accept(reply)

    def _accept(self, reply: Reply) -> None:
        said, refused = reply.head.get("reason"), reply.head.get("refused")
        reason = next((each for each in _OWN_REASONS if each == said), Reason.ERROR)
        answer = self._answer
        answer.reason = self._cause or reason
        value, *images = reply.parts
        answer.value = value.decode(errors="replace")[: self._limits.output_bytes + CUT_CHARACTERS]
        listed = refused if isinstance(refused, list) else []
        words = [each for each in listed if isinstance(each, str)][:_MOST_REFUSED]
        answer.refused = tuple(printable(each[:_MOST_REFUSED_CHARACTERS]) for each in words)
        answer.images = tuple(each for each in images if not fault_of(each))
        answer.is_process_over = False
        self._is_answered = True

    def _drain(self) -> None:
        """What was printed before the answer is in the pipes by now."""
        for descriptor in (self._process.stdout, self._process.stderr):
            left = _MOST_DRAINED
            while left > 0 and (data := self._part(descriptor)):
                left -= len(data)
                self._take(descriptor, data)

    @staticmethod
    def _part(descriptor: int) -> bytes | None:
        """The next bytes; none at the end; None where there are none yet."""
        try:
            return os.read(descriptor, _PIECE)
        except BlockingIOError:
            return None
