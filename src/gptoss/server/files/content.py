"""A file as the reply: sent in pieces, as fast as its reader takes them."""

from __future__ import annotations

import os
from typing import BinaryIO
from urllib.parse import quote

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from gptoss.server.caller import unless_gone
from gptoss.server.pool import FairPool
from gptoss.server.wire_errors import ApiError
from gptoss.tools.sandbox.output import printable

_PIECE_BYTES = 256 << 10


class FileContent(Response):
    """Sends a file's bytes, and closes it. No browser shows them as a page of this server's: they are for saving."""

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        pool: FairPool,
        owner: str,
        *,
        most_bytes: int | None = None,
    ) -> None:
        """`most_bytes`: of a file that may still change, so that no length is told before; None: it does not."""
        self._file, self._pool, self._owner = file, pool, owner
        self._left = os.fstat(file.fileno()).st_size if most_bytes is None else most_bytes
        super().__init__(media_type="application/octet-stream")
        self.headers["content-disposition"] = (
            f"attachment; filename*=UTF-8''{quote(printable(name), safe='')}"
        )
        if most_bytes is None:
            self.headers["content-length"] = str(self._left)
        else:
            del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        try:
            await unless_gone(receive, self._send(send))
        except ApiError as error:
            # Nobody is there to be told.
            if error.status != 499:
                raise
        finally:
            self._file.close()

    async def _send(self, send: Send) -> None:
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        while piece := await self._pool.run(self._owner, lambda _: self._read()):
            self._left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _read(self) -> bytes:
        return self._file.read(min(_PIECE_BYTES, self._left)) if self._left else b""
