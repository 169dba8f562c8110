"""Files that are kept for their owners: contents in a folder, under names of our own, and a database beside."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
import stat
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gptoss.engine import Shares
from gptoss.errors import ServerError, shown
from gptoss.files.private import PRIVATE, make_private, make_private_folder
from gptoss.files.temporary import TemporaryFolder
from gptoss.files.whole import whole_file
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError

PREFIX = "file-"
_DATABASE = "files.sqlite"
_CONTENT = re.compile(rf"{PREFIX}[0-9a-f]{{24}}")
_FORMAT = 1
_SCHEMA = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
    purpose TEXT NOT NULL, num_bytes INTEGER NOT NULL, created REAL NOT NULL, expires REAL
);
CREATE INDEX IF NOT EXISTS files_by_owner ON files (owner, number);
CREATE INDEX IF NOT EXISTS files_by_expiry ON files (expires);
"""
_COLUMNS = "id, name, purpose, num_bytes, created, expires"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What may be kept.

    file_bytes  of one file
    num_bytes   of all together, shared out among owners
    num_files   likewise
    """

    file_bytes: int
    num_bytes: int
    num_files: int


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is known of a file beside its bytes. Times are seconds since 1970."""

    id: str
    name: str
    purpose: str
    num_bytes: int
    created: float
    expires: float | None


class FileStore:
    """Keeps files. From any thread, and slow: not for event loops.

    To all but its owner a file is not there. Names that clients give are never those of anything on the disk. What is
    read stays readable to its end, though the file is deleted or expires meanwhile.
    """

    def __init__(
        self, folder: Path | None, limits: FileLimits, now: Callable[[], float] = time.time
    ) -> None:
        """`folder`: None makes a private one when it is needed, which ends with the store.

        Raises ServerError for one that cannot be used, or that another server uses.
        """
        self.limits = limits
        self._given = folder
        self._now = now
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._folder = Path()
        self._temporary: TemporaryFolder | None = None
        self._is_closed = False
        self._bytes: Counter[str] = Counter()
        self._files: Counter[str] = Counter()
        self._bytes_shares = Shares(limits.num_bytes)
        self._files_shares = Shares(limits.num_files)
        if folder is not None:
            self._opened()

    def close(self) -> None:
        """Let go of the folder."""
        with self._lock:
            self._is_closed = True
            if self._db is None:
                return
            self._db.close()
            self._db = None
            if self._temporary is not None:
                self._temporary.close()

    def begin(self, owner: str) -> NewFile:
        """A file to write. Raises ApiError where there is no room for one more."""
        with self._lock:
            self._opened()
            self._forget_old()
            self._take(self._files, self._files_shares, owner, 1, "files")
            try:
                return NewFile(self, owner, self._folder)
            except OSError as error:
                self._give_back(owner, 0)
                raise disk_error(error) from None

    def find(self, file_id: str, owner: str) -> KeptFile:
        """What is known of a file. Raises ApiError 404."""
        with self._lock:
            return self._required(file_id, owner)

    def page(
        self,
        owner: str,
        *,
        limit: int,
        after: str | None = None,
        is_newest_first: bool = True,
        purpose: str | None = None,
    ) -> tuple[list[KeptFile], bool]:
        """Files of an owner's, and whether there are more. Raises ApiError 400 for `after` that is none of them."""
        order, beyond = ("DESC", "<") if is_newest_first else ("ASC", ">")
        with self._lock:
            db = self._opened()
            self._forget_old()
            start = None
            if after is not None:
                found = db.execute(
                    "SELECT number FROM files WHERE id = ? AND owner = ?", (after, owner)
                ).fetchone()
                if found is None:
                    raise ApiError(
                        400,
                        f"got after {shown(after, 200)}, wanted the id of a file",
                        param="after",
                    )
                start = found[0]
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM files WHERE owner = ? AND (? IS NULL OR purpose = ?) "
                f"AND (? IS NULL OR number {beyond} ?) ORDER BY number {order} LIMIT ?",
                (owner, purpose, purpose, start, start, limit + 1),
            ).fetchall()
        return [KeptFile(*row) for row in rows[:limit]], len(rows) > limit

    def open(self, file_id: str, owner: str) -> tuple[KeptFile, BinaryIO]:
        """A file, and its bytes to read. Raises ApiError 404."""
        with self._lock:
            found = self._required(file_id, owner)
            try:
                descriptor = os.open(self._folder / found.id, _READ)
            except FileNotFoundError:
                # Somebody removed it from the folder.
                self._forget(found.id, owner, found.num_bytes)
                raise _not_found(file_id) from None
            except OSError as error:
                raise disk_error(error) from None
        file = os.fdopen(descriptor, "rb", buffering=0)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.close()
            raise _not_found(file_id)
        return found, file

    def delete(self, file_id: str, owner: str) -> None:
        """Forget a file. Raises ApiError 404."""
        with self._lock:
            found = self._required(file_id, owner)
            self._forget(found.id, owner, found.num_bytes)

    def spool(self) -> BinaryIO:
        """A file without a name, on the same disk. Raises ApiError where it has no room."""
        with self._lock:
            self._opened()
            try:
                return tempfile.TemporaryFile(dir=self._folder)
            except OSError as error:
                raise disk_error(error) from None

    def _opened(self) -> sqlite3.Connection:
        if self._is_closed:
            raise ApiError(503, "the server is about to end")
        if self._db is None:
            try:
                self._folder = self._given or self._own().path
                self._db = _connect(self._folder)
                self._settle(self._db)
            except (OSError, sqlite3.Error) as error:
                if self._db is not None:
                    self._db.close()
                    self._db = None
                raise ServerError(
                    f"cannot keep files in {self._folder}: {error}; give another folder, "
                    "or end the server that uses it"
                ) from None
        return self._db

    def _own(self) -> TemporaryFolder:
        if self._temporary is None:
            self._temporary = TemporaryFolder("gptoss-files-")
        return self._temporary

    def _settle(self, db: sqlite3.Connection) -> None:
        """Have the folder and the database agree, whatever ended between them."""
        rows = db.execute("SELECT id, owner, num_bytes FROM files").fetchall()
        there = {name for name in os.listdir(self._folder) if _CONTENT.fullmatch(name)}
        for name in there - {row[0] for row in rows}:
            with contextlib.suppress(OSError):
                os.unlink(self._folder / name)
        with db:
            db.executemany(
                "DELETE FROM files WHERE id = ?", [r[:1] for r in rows if r[0] not in there]
            )
        for file_id, owner, num_bytes in rows:
            if file_id in there:
                self._files[owner] += 1
                self._bytes[owner] += num_bytes

    def _required(self, file_id: str, owner: str) -> KeptFile:
        db = self._opened()
        self._forget_old()
        row = db.execute(
            f"SELECT {_COLUMNS} FROM files WHERE id = ? AND owner = ?", (file_id, owner)
        ).fetchone()
        if row is None:
            raise _not_found(file_id)
        return KeptFile(*row)

    def _forget_old(self) -> None:
        rows = self._opened().execute(
            "SELECT id, owner, num_bytes FROM files WHERE expires <= ?", (self._now(),)
        )
        for row in rows.fetchall():
            self._forget(*row)

    def _forget(self, file_id: str, owner: str, num_bytes: int) -> None:
        db = self._opened()
        with db:
            db.execute("DELETE FROM files WHERE id = ?", (file_id,))
        self._give_back(owner, num_bytes)
        with contextlib.suppress(OSError):
            os.unlink(self._folder / file_id)

    def _grow(self, owner: str, num_bytes: int) -> None:
        with self._lock:
            self._take(self._bytes, self._bytes_shares, owner, num_bytes, "bytes of files")

    def _take(self, held: Counter[str], shares: Shares, owner: str, wanted: int, what: str) -> None:
        own, taken = held[owner], held.total()
        if not shares.has_room(owner, wanted=wanted, own=own, taken=taken):
            raise ApiError(
                400,
                f"got one more file beside {own:,} {what} of yours, for which the {shares.most:,} "
                "that all may have leave no room; delete files that are not needed",
                code="storage_full",
            )
        held[owner] += wanted

    def _give_back(self, owner: str, num_bytes: int) -> None:
        """One file less, and its bytes."""
        for held, num in ((self._files, 1), (self._bytes, num_bytes)):
            held[owner] -= num
            if held[owner] <= 0:
                del held[owner]

    def _add(self, made: KeptFile, owner: str) -> None:
        with self._lock, self._opened() as db:
            db.execute(
                f"INSERT INTO files ({_COLUMNS}, owner) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    made.id,
                    made.name,
                    made.purpose,
                    made.num_bytes,
                    made.created,
                    made.expires,
                    owner,
                ),
            )


class NewFile:
    """A file that is being written: it is there wholly once it is kept, or never. From one thread at a time."""

    def __init__(self, store: FileStore, owner: str, folder: Path) -> None:
        """Raises OSError."""
        self._store = store
        self._owner = owner
        self._id = new_id(PREFIX)
        self._num_bytes = 0
        self._is_over = False
        self._whole = whole_file(folder / self._id, mode=PRIVATE, replaces=False)
        self._file = self._whole.__enter__()

    def write(self, data: bytes) -> None:
        """Add bytes. Raises ApiError where there is no room for them."""
        self._store._grow(self._owner, len(data))
        self._num_bytes += len(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise disk_error(error) from None

    def keep(self, name: str, purpose: str, expires_s: float | None = None) -> KeptFile:
        """Keep what was written, for so long, or until it is deleted. Raises ApiError."""
        self._is_over = True
        created = self._store._now()
        expires = None if expires_s is None else created + expires_s
        made = KeptFile(self._id, name, purpose, self._num_bytes, created, expires)
        try:
            try:
                self._whole.__exit__(None, None, None)
            except OSError as error:
                raise disk_error(error) from None
            # A file without an entry is removed when the folder is opened again.
            self._store._add(made, self._owner)
        except BaseException:
            with self._store._lock:
                self._store._give_back(self._owner, self._num_bytes)
            raise
        return made

    def abandon(self) -> None:
        """Forget what was written, unless it is kept."""
        if self._is_over:
            return
        self._is_over = True
        error = InterruptedError()
        # What is in its buffer may find no room, and needs none.
        with contextlib.suppress(OSError):
            self._whole.__exit__(type(error), error, None)
        with self._store._lock:
            self._store._give_back(self._owner, self._num_bytes)


def disk_error(error: OSError) -> ApiError:
    """What is said to a disk's refusal: whoever asks may come again, or delete files."""
    if error.errno in _FULL:
        told = "the disk that keeps files is full; delete files that are not needed, or tell whoever runs this server"
        return ApiError(507, told, code="storage_full")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return ApiError(429, "too many files are open; try again later")
    return ApiError(500, f"files cannot be kept here: {error.strerror or error}")


def _not_found(file_id: str) -> ApiError:
    told = (
        f"got the file {shown(file_id, 200)}, which is not kept here: "
        "it was never uploaded, was deleted, or is too old"
    )
    return ApiError(404, told, code="file_not_found")


def _connect(folder: Path) -> sqlite3.Connection:
    """Raises OSError and sqlite3.Error."""
    # What people upload is for the server's own user alone.
    make_private_folder(folder)
    make_private(folder / _DATABASE)
    db = sqlite3.connect(folder / _DATABASE, timeout=0.5, check_same_thread=False)
    try:
        db.executescript(_SCHEMA)
        with db:
            db.execute("BEGIN IMMEDIATE")
            (number,) = db.execute("PRAGMA user_version").fetchone()
            if number not in (0, _FORMAT):
                raise sqlite3.DatabaseError("it was made by another version of this program")
            db.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        db.close()
        raise
    return db
