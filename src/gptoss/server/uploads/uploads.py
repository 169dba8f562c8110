"""The uploads of one server: how many at once, how fast they must come, and where their bytes go."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from fastapi import Request

from gptoss.engine import Shares
from gptoss.errors import shown
from gptoss.server.caller import owner_of
from gptoss.server.pool import FairPool
from gptoss.server.uploads.form import FormReader
from gptoss.server.uploads.route import FORM, takes_form
from gptoss.server.wire_errors import ApiError

_MOST_UPLOADS = 64
# Beyond the time that every body has, each upload must come at this pace: an hour for the largest.
LEAST_BYTES_PER_S = 128 << 10
# Handed to a thread at once.
_BATCH_BYTES = 256 << 10
# Of a form around its file.
_FORM_BYTES = 128 << 10


class Uploads:
    """Reads forms, so many at once and each within its time. Its methods belong to the event loop."""

    def __init__(self, pool: FairPool, body_s: float) -> None:
        """`pool` has the threads that parse and write, `body_s` is the time that any body has."""
        self._pool = pool
        self._body_s = body_s
        self._shares = Shares(_MOST_UPLOADS)
        self._num: Counter[str] = Counter()

    @contextmanager
    def place(self, request: Request) -> Iterator[None]:
        """A place for an upload, as long as the block lasts. Raises ApiError where all are taken, or it is no form."""
        _check_head(request)
        owner = owner_of(request)
        own, taken = self._num[owner], self._num.total()
        if not self._shares.has_room(owner, wanted=1, own=own, taken=taken):
            raise ApiError(429, f"{taken} files are being uploaded; try again later")
        self._num[owner] += 1
        try:
            yield
        finally:
            self._num[owner] -= 1
            self._num += Counter()

    async def read(
        self, request: Request, most_bytes: int, write: Callable[[bytes], object]
    ) -> FormReader:
        """Read a form to its end. Raises ApiError for one that is wrong, slow or too large, and what `write` does.

        most_bytes  of its file
        write       takes the file's bytes as they come, on a thread
        """
        length = request.headers.get("content-length", "")
        if length.isdigit() and (len(length) > 15 or int(length) > most_bytes + _FORM_BYTES):
            raise too_large(most_bytes)
        form = FormReader(request.headers["content-type"])
        size = 0

        def take(data: bytes) -> None:
            nonlocal size
            found = form.feed(data)
            size += len(found)
            if size > most_bytes:
                raise too_large(most_bytes)
            if found:
                write(found)

        owner = owner_of(request)
        async for batch in self._batches(request):
            # Bound now: a job that was left behind must not see the next one.
            await self._pool.run(owner, lambda _, batch=batch: take(batch))  # type: ignore[misc]
        form.finish()
        if form.file_name is None:
            raise ApiError(
                400,
                "file: got no file, wanted one, as in `-F file=@notes.txt`",
                param="file",
                code="missing_required_parameter",
            )
        return form

    async def _batches(self, request: Request) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        num_bytes, spent, has_more = 0, 0.0, True
        while has_more:
            batch = bytearray()
            began = clock()
            while has_more and len(batch) < _BATCH_BYTES:
                allowed = self._body_s + num_bytes / LEAST_BYTES_PER_S
                try:
                    # Of its client's time alone: how long the disk takes is not held against it.
                    async with asyncio.timeout(max(0.0, allowed - spent - (clock() - began))):
                        message = await request.receive()
                except TimeoutError:
                    raise ApiError(
                        408,
                        f"got {num_bytes:,} bytes in {allowed:.0f} s, wanted {LEAST_BYTES_PER_S:,} in each second",
                    ) from None
                if message["type"] == "http.disconnect":
                    raise ApiError(400, "the body ended early")
                part = message.get("body", b"")
                num_bytes += len(part)
                batch += part
                has_more = message.get("more_body", False)
            spent += clock() - began
            yield bytes(batch)


def too_large(most_bytes: int) -> ApiError:
    """What is said to a file beyond so many bytes."""
    return ApiError(
        413, f"got a file of more than {most_bytes:,} bytes, wanted at most that", param="file"
    )


def _check_head(request: Request) -> None:
    kind = request.headers.get("content-type", "")
    if not takes_form(request.scope):
        raise ApiError(415, f"got the content type {shown(kind, 100)}, wanted {FORM}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        told = f"got a body in the encoding {shown(encoding)}, wanted it as it is"
        raise ApiError(415, told, code="unsupported_content_encoding")
