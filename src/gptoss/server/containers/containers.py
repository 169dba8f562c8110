"""The containers of a server: made, found by their owner, gone when nobody has used them for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from gptoss.errors import SandboxError, shown
from gptoss.server.containers.contents import ContainerFile, seen
from gptoss.server.files.store import FileStore, disk_error
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError
from gptoss.tools.sandbox import SandboxPool, Session

PREFIX = "cntr_"
# As OpenAI's.
IDLE_MINUTES = 20
_MOST_OF_AN_OWNER = 32
_BEGIN_S = 10.0


@dataclass(slots=True, eq=False)
class Container:
    """A notebook and its files.

    owner         whose it is
    name          as whoever made it calls it
    idle_minutes  without use, after which it is gone
    used          seconds since the epoch when it was used last
    has_begun     whether it has a sandbox, with which it ends
    files         that are known, by their names
    is_named      whether the owner has asked for it; others are made for a response
    copied        ids of the owner's files that were put into it
    """

    owner: str
    name: str
    idle_minutes: int = IDLE_MINUTES
    id: str = field(default_factory=lambda: new_id(PREFIX))
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.time)
    has_begun: bool = False
    files: dict[str, ContainerFile] = field(default_factory=dict)
    is_named: bool = True
    copied: set[str] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """Whether nobody has used it for too long."""
        return time.time() - self.used > 60 * self.idle_minutes


class Containers:
    """All containers of a server. From any thread, and slow where it is about their files.

    pool   their sandboxes; None: the server runs no Python
    files  of clients, which may be put into containers
    """

    def __init__(self, pool: SandboxPool | None, files: FileStore) -> None:
        self._pool = pool
        self._files = files
        self._by_id: dict[str, Container] = {}
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there can be any."""
        return self._pool is not None

    @property
    def rung(self) -> str | None:
        """The rung of their sandboxes; None where there are none."""
        return None if self._pool is None else str(self._pool.rung.name)

    def require_open(self) -> None:
        """Raises ApiError where the server runs no Python."""
        if self._pool is None:
            raise ApiError(
                400,
                "this server runs no Python; start it with --tools python",
                code="invalid_value",
            )

    def create(
        self,
        owner: str,
        name: str = "auto",
        idle_minutes: int = IDLE_MINUTES,
        file_ids: Sequence[str] = (),
        *,
        is_named: bool = True,
    ) -> Container:
        """A new one, with copies of some of the owner's files.

        is_named  whether the owner has asked for it, and so ends it: the others make room for new ones

        Raises ApiError where the owner has too many, the server runs no Python, or a file is not there.
        """
        self.require_open()
        self._forget_old()
        with self._lock:
            own = [each for each in self._by_id.values() if each.owner == owner]
            left = None
            if len(own) >= _MOST_OF_AN_OWNER:
                left = self._least_used(own)
            made = Container(owner, name, idle_minutes, is_named=is_named)
            self._by_id[made.id] = made
        if left is not None:
            self._end(left)
        try:
            for file_id in file_ids:
                self.copy_in(made, file_id)
        except BaseException:
            self._end(made)
            raise
        return made

    def find(self, container_id: str, owner: str) -> Container | None:
        """One of the owner's that is still there."""
        self._forget_old()
        with self._lock:
            found = self._by_id.get(container_id)
        return found if found is not None and found.owner == owner else None

    def require(self, container_id: str, owner: str) -> Container:
        """As `find`, and that is a use of it. Raises ApiError 404 where there is none."""
        found = self.find(container_id, owner)
        if found is None:
            raise ApiError(
                404,
                f"got the container {shown(container_id, 64)}, which is not there any more, or never was; make another",
                code="container_not_found",
            )
        found.used = time.time()
        return found

    def of(self, owner: str) -> list[Container]:
        """The owner's, oldest first."""
        self._forget_old()
        with self._lock:
            return [each for each in self._by_id.values() if each.owner == owner]

    def session(self, container: Container) -> Session:
        """Its notebook. Raises ApiError 429 where all sandboxes are at work."""
        assert self._pool is not None
        container.used = time.time()
        try:
            found = self._pool.session(container.id)
        except SandboxError as error:
            raise ApiError(429, str(error)) from None
        container.has_begun = True
        return found

    def files(self, container: Container) -> list[ContainerFile]:
        """Its files, oldest first. Raises ApiError where they cannot be had."""
        if not container.has_begun:
            return []
        with self._said(), self.session(container).folder() as folder:
            sizes = {name: entry.size for name, entry in folder.entries().items()}
            with self._lock:
                container.files = seen(container.files, sizes)
        return sorted(container.files.values(), key=lambda each: (each.created, each.name))

    def file(self, container: Container, file_id: str) -> ContainerFile:
        """One of its files. Raises as `files`, and ApiError 404."""
        for each in self.files(container):
            if each.id == file_id:
                return each
        raise ApiError(
            404,
            f"got the file {shown(file_id, 200)}, which is not in the container; list those that are",
            code="file_not_found",
        )

    def open_file(self, container: Container, file_id: str) -> tuple[ContainerFile, BinaryIO]:
        """One of its files, and its bytes to read, to the end whatever becomes of the container. Raises as `file`."""
        found = self.file(container, file_id)
        with self._said(), self.session(container).folder() as folder:
            return found, folder.open(found.name)

    def put_file(self, container: Container, name: str, file: BinaryIO) -> ContainerFile:
        """Copy a file into it, in place of one of that name. Raises as `files`, and ApiError 400 without room."""
        with self._said():
            self.session(container).write_file(name, file)
        made = ContainerFile(name, file.tell(), "user")
        with self._lock:
            container.files[name] = made
        return made

    def copy_in(self, container: Container, file_id: str) -> ContainerFile:
        """Copy a file of the owner's into it. Raises as `put_file`, and ApiError 404."""
        kept, file = self._files.open(file_id, container.owner)
        with file:
            made = self.put_file(container, kept.name, file)
        container.copied.add(file_id)
        return made

    def copy(self, container_id: str, file_id: str, owner: str) -> tuple[Container, ContainerFile]:
        """Copy a file of the owner's into a container of the owner's. Raises as `require` and `copy_in`."""
        self.require_open()
        self._files.find(file_id, owner)
        container = self.require(container_id, owner)
        return container, self.copy_in(container, file_id)

    def spool(self, container_id: str, owner: str) -> tuple[int, BinaryIO]:
        """Bytes that a file of a container may have, and where one waits until it is whole. Raises as `require`."""
        self.require_open()
        most = self.session(self.require(container_id, owner)).limits.file_bytes
        return most, self._files.spool()

    def remove_file(self, container: Container, file_id: str) -> None:
        """Remove one of its files. Raises as `file`."""
        found = self.file(container, file_id)
        with self._said(), self.session(container).folder() as folder:
            folder.remove(found.name)

    def delete(self, container_id: str, owner: str) -> None:
        """End one of the owner's. Raises ApiError 404 where there is none."""
        self._end(self.require(container_id, owner))

    def close(self) -> None:
        """End all."""
        if self._pool is not None:
            self._pool.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Raises what a folder raises as ApiError."""
        try:
            yield
        except SandboxError as error:
            raise ApiError(400, str(error)) from None
        except OSError as error:
            raise disk_error(error) from None

    def _forget_old(self) -> None:
        with self._lock:
            over = [each for each in self._by_id.values() if self._is_gone(each)]
        for each in over:
            self._end(each)

    def _least_used(self, own: Sequence[Container]) -> Container:
        """The one of an owner's that makes room for another. Raises ApiError 429 where all are in use or named."""
        now = time.time()
        idle = [
            each
            for each in own
            if not each.is_named
            and not self._is_in_use(each)
            # One that was made just now is about to be used.
            and (each.has_begun or now - each.used > _BEGIN_S)
        ]
        if not idle:
            oldest = min(own, key=lambda each: each.used)
            raise ApiError(
                429, f"got {len(own)} containers, wanted fewer; delete {oldest.id}, or wait"
            )
        return min(idle, key=lambda each: each.used)

    def _is_in_use(self, container: Container) -> bool:
        session = self._pool.find(container.id) if self._pool is not None else None
        return session is not None and session.is_in_use

    def _is_gone(self, container: Container) -> bool:
        """Whether nobody has used it for too long, or its sandbox made room for another, and its files are lost."""
        session = self._pool.find(container.id) if self._pool is not None else None
        if session is not None and session.is_in_use:
            container.used = time.time()
        return container.is_over or (container.has_begun and session is None)

    def _end(self, container: Container) -> None:
        with self._lock:
            self._by_id.pop(container.id, None)
        if self._pool is not None:
            self._pool.end(container.id)
