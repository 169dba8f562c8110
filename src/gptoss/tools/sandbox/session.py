"""A stateful notebook in a sandbox: cells one after the other, with files, until it is closed."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

from gptoss.arguments import require_type
from gptoss.errors import RequestError, SandboxError
from gptoss.tools.sandbox.exchange import Answer, Exchange, Interruption
from gptoss.tools.sandbox.folder import Entry, Folder
from gptoss.tools.sandbox.interpreter import Interpreter
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.output import Output, Reason, printable
from gptoss.tools.sandbox.rung import Rung
from gptoss.tools.sandbox.sandbox import Sandbox

_MOST_CODE = 1 << 20
_MOST_NAMED = 50
# Between two looks at whether it is still wanted.
_TURN_S = 0.1
_LOST = "(the process was ended, and all variables with it; the files of /mnt/data are still there)"


class Hold:
    """Somebody's use of a session, between cells too."""

    def __init__(self, users: weakref.WeakSet[Hold]) -> None:
        self._users = users

    def release(self) -> None:
        """Let go; harmless when it was."""
        self._users.discard(self)


class Session:
    """One conversation's notebook. Its process is started by the first cell, and anew after one that ended it.

    Cells of one session run one after the other, whoever asks for them. `used` is when the last one ended.
    """

    def __init__(
        self, rung: Rung, limits: Limits | None = None, interpreter: Interpreter | None = None
    ) -> None:
        """`interpreter`: which Python it is; None: that of this process."""
        self.rung = rung
        self.limits = limits or Limits()
        self.used = time.monotonic()
        self._sandbox = Sandbox(rung, self.limits, interpreter)
        # Of cells, and of the folders and the process while they change: files can be read beside a cell that runs.
        self._lock = threading.Lock()
        self._folders = threading.RLock()
        self._current: Interruption | None = None
        self._is_closed = False
        self._users: weakref.WeakSet[Hold] = weakref.WeakSet()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_busy(self) -> bool:
        """Whether a cell is running."""
        return self._lock.locked()

    @property
    def is_in_use(self) -> bool:
        """Whether a cell is running, or whoever holds it may run further ones."""
        return self.is_busy or bool(self._users)

    def hold(self) -> Hold:
        """Keep it from making room for others, until that is let go, or lives no longer."""
        made = Hold(self._users)
        self._users.add(made)
        return made

    def run(
        self,
        code: str,
        *,
        timeout_s: float | None = None,
        cpu_s: float | None = None,
        interruption: Interruption | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> Output:
        """What a cell gave; `tell` is given what it prints, as it comes.

        `timeout_s` is by the clock, `cpu_s` of the processor's time, which a busy machine does not use up.

        Raises SandboxError where no process can be started, RequestError for what is no code.
        """
        require_type("code", code, str)
        if len(code.encode(errors="replace")) > _MOST_CODE:
            raise RequestError(f"got more than {_MOST_CODE:,} bytes of code, wanted less")
        wanted = self.limits.wall_s if timeout_s is None else timeout_s
        own = interruption or Interruption()
        try:
            # Whoever waits for a turn can be interrupted as well.
            while not self._lock.acquire(timeout=_TURN_S):
                if own.is_set:
                    return Output(Reason.INTERRUPTED, self.rung.name)
            try:
                return self._run(code, min(wanted, self.limits.wall_s), cpu_s, own, tell)
            finally:
                self._lock.release()
        finally:
            if interruption is None:
                own.close()

    async def run_async(self, code: str, *, timeout_s: float | None = None) -> Output:
        """As `run`, beside an event loop; when the task is cancelled, so is this cell, and no other."""
        interruption = Interruption()
        call = partial(self.run, code, timeout_s=timeout_s, interruption=interruption)
        work = asyncio.get_running_loop().run_in_executor(None, call)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            interruption.set()
            # A second cancel would leave the cell behind with nobody to close its descriptor.
            await asyncio.wait([work])
            raise
        finally:
            interruption.close()

    def interrupt(self) -> None:
        """Stop the cell that is running, as Ctrl-C does; its process is ended where that does not stop it."""
        current = self._current
        if current is not None:
            current.set()

    def files(self) -> dict[str, int]:
        """The regular files of `/mnt/data`, by their names beneath it, with their sizes."""
        with self._folders:
            return {name: entry.size for name, entry in self._data().entries().items()}

    def read_file(self, name: str, most_bytes: int | None = None) -> bytes:
        """A file of `/mnt/data`. Raises SandboxError for what is missing, a link, no regular file, or longer."""
        with self._folders:
            most = self.limits.data_bytes if most_bytes is None else most_bytes
            return self._data().read(name.removeprefix("/mnt/data/"), most)

    @contextmanager
    def folder(self) -> Iterator[Folder]:
        """Its `/mnt/data`, which stays until the block ends. Raises SandboxError."""
        with self._folders:
            yield self._data()

    def write_file(self, name: str, data: bytes | BinaryIO) -> None:
        """Put a file into `/mnt/data`. Raises SandboxError, also where there is no room for it."""
        size = len(data) if isinstance(data, bytes) else os.fstat(data.fileno()).st_size
        with self.folder() as folder:
            usage = folder.usage()
            limits = self.limits
            if size > limits.file_bytes or usage.num_bytes + size > limits.data_bytes:
                raise SandboxError(
                    f"{size:,} bytes do not fit into /mnt/data, which has {self.limits.data_bytes:,} "
                    f"and {usage.num_bytes:,} taken; remove files or raise the limit"
                )
            folder.write(name.removeprefix("/mnt/data/"), data)

    def remove_file(self, name: str) -> None:
        """Remove a file of `/mnt/data`. Raises SandboxError."""
        with self._folders:
            self._data().remove(name.removeprefix("/mnt/data/"))

    def start(self) -> None:
        """Have the process started before the first cell. Raises SandboxError."""
        with self._folders:
            self._data()

    def restart(self) -> None:
        """End the process, and with it all variables; files stay."""
        self.interrupt()
        with self._lock, self._folders:
            self._sandbox.stop()

    def close(self) -> None:
        """End it, and let its files go; a cell that runs is interrupted."""
        self._is_closed = True
        self.interrupt()
        with self._lock, self._folders:
            self._sandbox.close()

    def _data(self) -> Folder:
        if self._is_closed:
            raise SandboxError("this sandbox is closed; open another one")
        if self._sandbox.process is None or self._sandbox.data is None:
            self._sandbox.start()
        assert self._sandbox.data is not None
        return self._sandbox.data

    def _run(
        self,
        code: str,
        timeout_s: float,
        cpu_s: float | None,
        interruption: Interruption,
        tell: Callable[[str], None] | None,
    ) -> Output:
        if interruption.is_set:
            return Output(Reason.INTERRUPTED, self.rung.name)
        with self._folders:
            before = self._data().entries()
        process = self._sandbox.process
        assert process is not None
        process.resume()
        began = time.monotonic()
        exchange = Exchange(
            process,
            self.limits,
            interruption=interruption,
            has_room=self._sandbox.has_room,
            cpu_s=cpu_s,
            tell=tell,
        )
        self._current = interruption
        try:
            if self._is_closed:
                interruption.set()
            answer = exchange.run(code, timeout_s)
        except BaseException:
            # Nothing is known of what the process does any more.
            self._sandbox.stop()
            raise
        finally:
            self._current = None
        duration = time.monotonic() - began
        # Nobody watches it between cells: a thread that went on could fill the disk, or keep a core.
        if not answer.is_process_over and not process.pause():
            answer.is_process_over = True
        notes = []
        with self._folders:
            if answer.is_process_over:
                self._sandbox.stop()
            elif not self._sandbox.has_room():
                # Reached between two looks.
                answer.reason = Reason.DISK
            if answer.reason is Reason.DISK:
                notes.append(self._make_room(before))
            if self._sandbox.process is None:
                notes.insert(0, _LOST)
            self.used = time.monotonic()
            return self._output(answer, before, duration, (timeout_s, cpu_s), notes)

    def _make_room(self, before: dict[str, Entry]) -> str:
        """Remove what a cell wrote beyond its limits, or the next one would end at once; says so."""
        self._sandbox.forget(before)
        return (
            f"(/mnt/data may have {self.limits.data_bytes:,} bytes in {self.limits.num_files:,} files, "
            f"/tmp {self.limits.scratch_bytes:,}: what this cell wrote is removed)"
        )

    def _output(
        self,
        answer: Answer,
        before: dict[str, Entry],
        duration_s: float,
        given: tuple[float, float | None],
        notes: list[str],
    ) -> Output:
        after = {} if self._sandbox.data is None else self._sandbox.data.entries()
        names = () if answer.reason is Reason.DISK else {**before, **after}
        timeout_s, cpu_s = given
        stopped = f"{timeout_s:g} s"
        if cpu_s is not None and duration_s < timeout_s:
            stopped = f"{cpu_s:g} s of the processor's time"
        changed = [name for name in names if before.get(name) != after.get(name)]
        return Output(
            reason=answer.reason,
            rung=self.rung.name,
            stdout=answer.stdout.stream(),
            stderr=answer.stderr.stream(),
            value=answer.value,
            images=answer.images,
            files=tuple(map(printable, changed[:_MOST_NAMED])),
            refused=answer.refused,
            duration_s=duration_s,
            is_state_lost=self._sandbox.process is None,
            notes=(*_ending(answer.reason, stopped, self.limits), *notes),
        )


def _ending(reason: Reason, stopped: str, limits: Limits) -> tuple[str, ...]:
    """A line about an end that is not the code's own."""
    said = {
        Reason.TIMEOUT: f"(stopped after {stopped})",
        Reason.INTERRUPTED: "(stopped by whoever asked for it)",
        Reason.MEMORY: f"(it needed more memory than the {limits.memory_bytes:,} bytes that there are)",
        Reason.OUTPUT: f"(stopped: it printed more than {limits.written_bytes:,} bytes)",
        Reason.DISK: "(stopped: it wrote more than there is room for)",
        Reason.THREADS: f"(stopped: it had more than {limits.num_threads:,} threads)",
        Reason.KILLED: "(the process ended while the code ran)",
    }
    return (said[reason],) if reason in said else ()
