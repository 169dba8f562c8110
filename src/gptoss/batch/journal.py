"""A file of what was done, by key, which survives any end of the program that writes it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from gptoss.errors import OutputError, shown
from gptoss.files.regular import kind_of

# A machine that stops at once loses this much at most; a program that is killed loses nothing.
_SYNC_S = 1.0
_LINE_BYTES = 1 << 20


class Journal:
    """Values by key, each a line of a file, in the order in which they came. One program at a time has it open.

    The last value of a key counts. A line that was cut off, by a full disk or a machine that stopped, was never there.
    """

    def __init__(self, path: Path) -> None:
        """Open it, or begin it. Raises OutputError for one that another program has open, or that is damaged."""
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}
        self._synced = time.monotonic()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise OutputError(f"cannot open {path}: {error.strerror}") from None
        try:
            self._require_file()
            self._lock()
            self._end = self._read()
            os.ftruncate(self._descriptor, self._end)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def get(self, key: str) -> Mapping[str, object]:
        """Return the value of a key. Raises KeyError where there is none."""
        start, length = self._places[key]
        value: Mapping[str, object] = _parsed(os.pread(self._descriptor, length, start))[1]
        return value

    def put(self, key: str, value: Mapping[str, object]) -> None:
        """Keep a value, before anybody hears of it. Raises OutputError when it cannot be written."""
        line = json.dumps({"key": key, "value": value}, ensure_ascii=False)
        # Text of a model may have halves of surrogates; as escapes they come back as they were.
        data = f"{line}\n".encode() if _is_text(line) else _escaped(key, value)
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self._end + written)
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror}; make room and go on with the same command"
            ) from None
        self._places[key] = self._end, len(data)
        self._end += len(data)
        if time.monotonic() - self._synced >= _SYNC_S:
            os.fdatasync(self._descriptor)
            self._synced = time.monotonic()

    def close(self) -> None:
        """Let go of the file, which is on the disk then; harmless when it was closed."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _require_file(self) -> None:
        mode = os.fstat(self._descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OutputError(f"cannot write {self.path}: it is a {kind_of(mode)}; move it away")

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise OutputError(f"cannot lock {self.path}: {error.strerror}") from None
            raise OutputError(
                f"another program is writing {self.path}; wait for it, or choose another folder"
            ) from None

    def _read(self) -> int:
        """Find the places of all values, and return where the last whole line ends."""
        end, number = 0, 0
        with open(os.dup(self._descriptor), "rb", buffering=_LINE_BYTES) as file:
            file.seek(0)
            for line in file:
                number += 1
                try:
                    if not line.endswith(b"\n"):
                        break
                    key, _ = _parsed(line)
                except (ValueError, RecursionError):
                    if file.read(1):
                        raise OutputError(
                            f"line {number} of {self.path} is damaged; move the file away, or remove that line"
                        ) from None
                    break
                self._places[key] = end, len(line)
                end += len(line)
        return end


def _parsed(line: bytes) -> tuple[str, Mapping[str, object]]:
    """Return key and value of a line. Raises ValueError."""
    found = json.loads(line)
    if not isinstance(found, dict) or not isinstance(found.get("key"), str):
        raise ValueError(f"got {shown(found)}, wanted an object with a key")
    if not isinstance(found.get("value"), dict):
        raise ValueError(f"got {shown(found)}, wanted an object with a value")
    return found["key"], found["value"]


def _is_text(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(key: str, value: Mapping[str, object]) -> bytes:
    return f"{json.dumps({'key': key, 'value': value})}\n".encode()
