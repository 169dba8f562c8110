"""`/v1/containers`: the notebooks of `code_interpreter`, and their files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Literal, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from gptoss.server.body_route import body_of
from gptoss.server.caller import on_thread, owner_of
from gptoss.server.containers.containers import IDLE_MINUTES, Container, Containers
from gptoss.server.containers.contents import ContainerFile
from gptoss.server.containers.request import ContainerFileRequest, ContainerRequest, file_request
from gptoss.server.containers.types import (
    ContainerFileList,
    ContainerFileObject,
    ContainerList,
    DeletedContainer,
    DeletedContainerFile,
    container_object,
    file_object,
)
from gptoss.server.files.content import FileContent
from gptoss.server.files.routes import FILE_SCHEMA, MORE_FIELDS
from gptoss.server.files.store import disk_error
from gptoss.server.pool import FairPool
from gptoss.server.replies import sent
from gptoss.server.shared.pages import page_of
from gptoss.server.uploads.route import FORM, add_upload, takes_form
from gptoss.server.uploads.uploads import Uploads

_Result = TypeVar("_Result")
_Limit = Annotated[int, Query(ge=1, le=100)]
_Order = Literal["asc", "desc"]
_ALL, _ONE = "/v1/containers", "/v1/containers/{container_id}"
_FILES, _FILE = f"{_ONE}/files", f"{_ONE}/files/{{file_id}}"


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Containers, and the threads on which they are asked."""

    containers: Containers
    pool: FairPool


def add_containers(app: FastAPI, containers: Containers, pool: FairPool, uploads: Uploads) -> None:
    """The routes of OpenAI's API of containers; `pool` has the threads that read and write."""
    rooms = _Rooms(containers, pool)
    _add_whole(app, rooms)
    _add_files(app, rooms)
    _add_upload(app, rooms, uploads)


def _add_whole(app: FastAPI, rooms: _Rooms) -> None:
    containers, pool = rooms.containers, rooms.pool

    @app.post(_ALL, tags=["containers"], response_model=None)
    async def create_container(body: ContainerRequest, request: Request) -> Response:
        """Make a container."""
        owner = owner_of(request)
        expiry = body.expires_after
        idle = IDLE_MINUTES if expiry is None else expiry.minutes
        files = body.file_ids or ()
        made = await on_thread(
            request, pool, lambda _: containers.create(owner, body.name, idle, files)
        )
        return sent(container_object(made, body.ignored))

    @app.get(_ALL, tags=["containers"], response_model=None)
    async def list_containers(
        request: Request,
        limit: _Limit = 20,
        order: _Order = "desc",
        after: str | None = None,
        name: str | None = None,
    ) -> Response:
        """The containers that are there."""
        owner = owner_of(request)

        def page() -> ContainerList:
            containers.require_open()
            own = [each for each in containers.of(owner) if name in (None, each.name)]
            found, has_more = page_of(
                own, limit=limit, order=order, after=after, what="a container"
            )
            return ContainerList(
                object="list",
                data=[container_object(each) for each in found],
                first_id=found[0].id if found else None,
                last_id=found[-1].id if found else None,
                has_more=has_more,
            )

        return sent(await on_thread(request, pool, lambda _: page()))

    @app.get(_ONE, tags=["containers"], response_model=None)
    async def get_container(container_id: str, request: Request) -> Response:
        """One container."""
        return sent(container_object(await _within(rooms, request, container_id, lambda it: it)))

    @app.delete(_ONE, tags=["containers"], response_model=None)
    async def delete_container(container_id: str, request: Request) -> Response:
        """End a container, and its files with it."""
        await _within(rooms, request, container_id, lambda it: containers.delete(it.id, it.owner))
        return sent(DeletedContainer(id=container_id, object="container.deleted", deleted=True))


def _add_files(app: FastAPI, rooms: _Rooms) -> None:
    containers, pool = rooms.containers, rooms.pool

    @app.get(_FILES, tags=["containers"], response_model=None)
    async def list_container_files(
        container_id: str,
        request: Request,
        limit: _Limit = 20,
        order: _Order = "desc",
        after: str | None = None,
    ) -> Response:
        """The files of a container, those that the model's code wrote too."""

        def page(container: Container) -> ContainerFileList:
            own = containers.files(container)
            found, has_more = page_of(
                own, limit=limit, order=order, after=after, what="a file of the container"
            )
            return ContainerFileList(
                object="list",
                data=[file_object(each, container) for each in found],
                first_id=found[0].id if found else None,
                last_id=found[-1].id if found else None,
                has_more=has_more,
            )

        return sent(await _within(rooms, request, container_id, page))

    @app.get(_FILE, tags=["containers"], response_model=None)
    async def get_container_file(container_id: str, file_id: str, request: Request) -> Response:
        """What is known of a file of a container."""
        return sent(
            await _within(
                rooms,
                request,
                container_id,
                lambda it: file_object(containers.file(it, file_id), it),
            )
        )

    @app.get(f"{_FILE}/content", tags=["containers"], response_model=None)
    async def get_container_file_content(
        container_id: str, file_id: str, request: Request
    ) -> Response:
        """The bytes of a file of a container."""
        owner = owner_of(request)

        def opened() -> tuple[ContainerFile, BinaryIO, int]:
            containers.require_open()
            container = containers.require(container_id, owner)
            limits = containers.session(container).limits
            return *containers.open_file(container, file_id), limits.file_bytes

        found, file, most = await pool.run(
            owner, lambda _: opened(), lambda unread: unread[1].close()
        )
        name = found.name.rpartition("/")[2]
        return FileContent(file, name, pool, owner, most_bytes=most)

    @app.delete(_FILE, tags=["containers"], response_model=None)
    async def delete_container_file(container_id: str, file_id: str, request: Request) -> Response:
        """Remove a file of a container."""
        await _within(rooms, request, container_id, lambda it: containers.remove_file(it, file_id))
        return sent(DeletedContainerFile(id=file_id, object="container.file.deleted", deleted=True))


def _add_upload(app: FastAPI, rooms: _Rooms, uploads: Uploads) -> None:
    containers, pool = rooms.containers, rooms.pool

    async def create_container_file(container_id: str, request: Request) -> Response:
        """Put a file into a container: one that is sent as a form, or a copy of one that is kept."""
        owner = owner_of(request)

        def copied(body: ContainerFileRequest) -> ContainerFileObject:
            container, made = containers.copy(container_id, body.file_id, owner)
            return file_object(made, container, body.ignored)

        if not takes_form(request.scope):
            body = file_request(body_of(request).take() or {})
            return sent(await on_thread(request, pool, lambda _: copied(body)))
        with uploads.place(request):
            limits, spool = await pool.run(
                owner,
                lambda _: containers.spool(container_id, owner),
                lambda made: made[1].close(),
            )
            try:
                form = await uploads.read(request, limits, lambda data: _write(spool, data))

                def put() -> Response:
                    container = containers.require(container_id, owner)
                    _write(spool, b"")
                    spool.seek(0)
                    made = containers.put_file(container, str(form.file_name), spool)
                    return sent(file_object(made, container, tuple(form.nested())))

                return await pool.run(owner, lambda _: put())
            finally:
                with suppress(OSError):
                    spool.close()

    by_id = {
        "type": "object",
        "properties": {"file_id": {"type": "string", "description": "A file of `/v1/files`."}},
        "required": ["file_id"],
    }
    sent_along = {
        "type": "object",
        "properties": {"file": FILE_SCHEMA},
        "required": ["file"],
        **MORE_FIELDS,
    }
    contents = {FORM: sent_along, "application/json": by_id}
    add_upload(app, _FILES, create_container_file, tag="containers", contents=contents)


def _write(spool: BinaryIO, data: bytes) -> None:
    """Write on; nothing: all that waits to be written. Raises ApiError where the disk has no room."""
    try:
        spool.write(data) if data else spool.flush()
    except OSError as error:
        raise disk_error(error) from None


async def _within(
    rooms: _Rooms, request: Request, container_id: str, work: Callable[[Container], _Result]
) -> _Result:
    """The result of some work with a container, on a thread. Raises as `on_thread`, and ApiError 404."""
    owner = owner_of(request)

    def found() -> _Result:
        rooms.containers.require_open()
        return work(rooms.containers.require(container_id, owner))

    return await on_thread(request, rooms.pool, lambda _: found())
