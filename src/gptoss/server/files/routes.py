"""`/v1/files`: upload, list, read and delete."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal, get_args

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from gptoss.server.caller import on_thread, owner_of
from gptoss.server.files.content import FileContent
from gptoss.server.files.request import FileFields, file_fields
from gptoss.server.files.store import FileStore, KeptFile, NewFile
from gptoss.server.files.types import DeletedFile, FileList, Purpose, file_object
from gptoss.server.held import CountedReply, HeldBytes
from gptoss.server.pool import FairPool, IsGone
from gptoss.server.replies import sent
from gptoss.server.uploads.form import MOST_FIELD_CHARACTERS, MOST_PARTS
from gptoss.server.uploads.route import FORM, add_upload
from gptoss.server.uploads.uploads import Uploads

FILE_SCHEMA = {
    "type": "string",
    "format": "binary",
    "description": "The file, with a name of its own of at most 255 bytes.",
}
# What a form may have beside: all of it text, and named in the reply as ignored.
MORE_FIELDS: dict[str, Any] = {
    "additionalProperties": {"type": "string", "maxLength": MOST_FIELD_CHARACTERS},
    "maxProperties": MOST_PARTS,
}
_MOST_LISTED = 10_000


def add_files(
    app: FastAPI, store: FileStore, pool: FairPool, held: HeldBytes, uploads: Uploads
) -> None:
    """The routes, and the end of what they keep.

    pool  has the threads that read and write
    held  counts lists while they are sent
    """
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Any, None]:
        async with inner(app) as state:
            try:
                yield state
            finally:
                store.close()

    app.router.lifespan_context = lifespan

    async def upload_file(request: Request) -> Response:
        """Keep a file."""
        with uploads.place(request):
            kept, fields = await _taken(store, pool, uploads, request)
        return sent(file_object(kept, fields.ignored))

    add_upload(app, "/v1/files", upload_file, tag="files", contents={FORM: _schema()})

    @app.get("/v1/files", tags=["files"], response_model=None)
    async def list_files(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=_MOST_LISTED)] = _MOST_LISTED,
        order: Literal["asc", "desc"] = "desc",
        after: str | None = None,
        purpose: str | None = None,
    ) -> Response:
        """The files that are kept."""
        owner = owner_of(request)

        def page(_: IsGone) -> bytes:
            found, has_more = store.page(
                owner,
                limit=limit,
                after=after,
                is_newest_first=order == "desc",
                purpose=purpose,
            )
            made = FileList(
                object="list",
                data=[file_object(each) for each in found],
                first_id=found[0].id if found else None,
                last_id=found[-1].id if found else None,
                has_more=has_more,
            )
            return made.written()

        return CountedReply(await on_thread(request, pool, page), held, owner)

    @app.get("/v1/files/{file_id}", tags=["files"], response_model=None)
    async def get_file(file_id: str, request: Request) -> Response:
        """What is known of a file."""
        owner = owner_of(request)
        found = await on_thread(request, pool, lambda _: store.find(file_id, owner))
        return sent(file_object(found))

    @app.get("/v1/files/{file_id}/content", tags=["files"], response_model=None)
    async def get_file_content(file_id: str, request: Request) -> Response:
        """The bytes of a file."""
        owner = owner_of(request)
        found, file = await pool.run(
            owner, lambda _: store.open(file_id, owner), lambda opened: opened[1].close()
        )
        return FileContent(file, found.name, pool, owner)

    @app.delete("/v1/files/{file_id}", tags=["files"], response_model=None)
    async def delete_file(file_id: str, request: Request) -> Response:
        """Forget a file."""
        owner = owner_of(request)
        await on_thread(request, pool, lambda _: store.delete(file_id, owner))
        return sent(DeletedFile(id=file_id, object="file", deleted=True))


async def _taken(
    store: FileStore, pool: FairPool, uploads: Uploads, request: Request
) -> tuple[KeptFile, FileFields]:
    """An upload, when all of it is there. Whatever ends it before, nothing of it stays."""
    owner = owner_of(request)
    new: NewFile = await pool.run(owner, lambda _: store.begin(owner), lambda made: made.abandon())
    try:
        form = await uploads.read(request, store.limits.file_bytes, new.write)
        fields = file_fields(form.nested())
        name = str(form.file_name)
        kept = await pool.run(owner, lambda _: new.keep(name, fields.purpose, fields.expires_s))
    finally:
        new.abandon()
    return kept, fields


def _schema() -> dict[str, Any]:
    """What the form is, for the document."""
    return {
        "type": "object",
        "properties": {
            "file": FILE_SCHEMA,
            "purpose": {"type": "string", "enum": list(get_args(Purpose))},
            "expires_after[anchor]": {"type": "string", "const": "created_at"},
            "expires_after[seconds]": {
                "type": "integer",
                "minimum": 3600,
                "maximum": 2_592_000,
                "description": "Nothing: 30 days for `batch`, and until it is deleted for all others.",
            },
        },
        "required": ["file", "purpose"],
        **MORE_FIELDS,
        "dependentRequired": {
            "expires_after[anchor]": ["expires_after[seconds]"],
            "expires_after[seconds]": ["expires_after[anchor]"],
        },
    }
