"""A process on a rung, with its folders: started anew when it has ended, with the files that it left."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gptoss.errors import SandboxError
from gptoss.tools.sandbox import bubblewrap, plan
from gptoss.tools.sandbox.environment import environment
from gptoss.tools.sandbox.folder import Entry, Folder
from gptoss.tools.sandbox.interpreter import Interpreter, find_interpreter
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.process import Process
from gptoss.tools.sandbox.rung import Rung, RungName
from gptoss.tools.sandbox.workplace import Workplace, open_folder


class Sandbox:
    """A sandbox of one conversation. `data` and `process` are there once it was started."""

    def __init__(self, rung: Rung, limits: Limits, interpreter: Interpreter | None = None) -> None:
        self.rung = rung
        self.limits = limits
        self._interpreter = interpreter or find_interpreter()
        self.process: Process | None = None
        self.data: Folder | None = None
        self.scratch: Folder | None = None
        self._owner = bubblewrap.NOBODY if os.geteuid() == 0 else None
        self._workplace: Workplace | None = None
        self._keeps: dict[str, Entry] | None = None

    def start(self) -> Process:
        """A process that waits for cells, with the files of the one before. Raises SandboxError."""
        if self.rung.name is RungName.BUBBLEWRAP:
            return self._start_in_bubblewrap(str(self.rung.program))
        return self._start_in_landlock()

    def has_room(self) -> bool:
        """Whether its folders are within their limits."""
        limits, unlinked = self.limits, 0
        if self._workplace is not None and self.process is not None:
            found = self._workplace.unlinked_bytes(self.process.pid, limits.file_bytes)
            if found is None:
                return False
            unlinked = found
        for folder, most in ((self.data, limits.data_bytes), (self.scratch, limits.scratch_bytes)):
            usage = folder.usage() if folder is not None else None
            if usage is not None and (not usage.is_whole or usage.num_bytes + unlinked > most):
                return False
        return True

    def stop(self) -> None:
        """End the process; its files stay."""
        if self.process is not None:
            self.process.close()
            self.process = None

    def forget(self, keeps: Mapping[str, Entry]) -> None:
        """End the process, and keep of its files those alone that are still as they are here."""
        self.stop()
        if self._workplace is None:
            # Copied by the next start, into a file system of its own.
            self._keeps = dict(keeps)
            return
        with self._workplace.renewed_data() as (left, made):
            old, new = self._folder(left), self._folder(made)
            old.copy_to(new, self.limits.data_bytes, keeps)
            old.close()
            if self.data is not None:
                self.data.close()
            self.data = new

    def close(self) -> None:
        """End the process, and let the files go."""
        self.stop()
        for folder in (self.data, self.scratch):
            if folder is not None:
                folder.close()
        self.data = self.scratch = None
        if self._workplace is not None:
            self._workplace.close()
            self._workplace = None

    def _start_in_bubblewrap(self, program: str) -> Process:
        interpreter, is_root = self._interpreter, os.geteuid() == 0

        def wrapper(info: int) -> list[str]:
            return bubblewrap.arguments(
                program, interpreter, self.limits, info=info, is_root=is_root
            )

        process = Process(interpreter, wrapper, {})
        process.begin(plan.in_bubblewrap(interpreter, self.limits))
        try:
            # Held from here on: the file system stays as long as this does, also when the process has ended.
            root = f"/proc/{process.pid}/root"
            data = self._folder(f"{root}{bubblewrap.DATA}")
            scratch = self._folder(f"{root}{bubblewrap.SCRATCH}")
        except OSError as error:
            process.close()
            raise SandboxError(f"its folder cannot be opened: {error.strerror}") from None
        if self.data is not None:
            self.data.copy_to(data, self.limits.data_bytes, self._keeps)
            self._keeps = None
        return self._take(process, data, scratch)

    def _start_in_landlock(self) -> Process:
        if self._workplace is None:
            self._workplace = Workplace(self._owner)
        else:
            self._workplace.renew_scratch()
        place, interpreter = self._workplace, self._interpreter
        process = Process(interpreter, None, environment(str(place.scratch)))
        places = {"data": str(place.data), "scratch": str(place.scratch)}
        try:
            made = plan.in_landlock(interpreter, self.limits, pid=process.pid, **places)
        except SandboxError:
            process.close()
            raise
        process.begin(made)
        return self._take(process, self._folder(place.data), self._folder(place.scratch))

    def _folder(self, path: os.PathLike[str] | str) -> Folder:
        descriptor = open_folder(os.fspath(path))
        return Folder(descriptor, most_files=self.limits.num_files, owner=self._owner)

    def _take(self, process: Process, data: Folder, scratch: Folder) -> Process:
        for folder in (self.data, self.scratch):
            if folder is not None:
                folder.close()
        self.process, self.data, self.scratch = process, data, scratch
        return process
