"""Server-sent events: the bytes, signs of life in between, and the end that a stream always has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

from anyio import CancelScope
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gptoss.server.replies import Reply

_PING = b": ping\n\n"
# Events that a slow reader may be behind.
_MOST_HELD = 64
DONE = b"data: [DONE]\n\n"


def event(data: Reply | bytes, name: str | None = None) -> bytes:
    """One event: its data as a line of JSON; bytes are one."""
    line = data if isinstance(data, bytes) else data.written()
    if name:
        return b"event: %b\ndata: %b\n\n" % (name.encode(), line)
    return b"data: %b\n\n" % line


async def with_pings(
    source: AsyncGenerator[bytes, None], seconds: float
) -> AsyncGenerator[bytes, None]:
    """What the source gives, and a comment whenever it gives nothing for so long; closes it in any case."""
    found: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(_MOST_HELD)
    pumping = asyncio.create_task(_pump(source, found))
    try:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    data = await found.get()
            except TimeoutError:
                yield _PING
                continue
            if data is None:
                return
            if isinstance(data, BaseException):
                raise data
            yield data
    finally:
        # A client that goes cancels every `await` in here but those that are shielded.
        with CancelScope(shield=True):
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)
            await source.aclose()


async def _pump(
    source: AsyncGenerator[bytes, None], found: asyncio.Queue[bytes | BaseException | None]
) -> None:
    try:
        async for data in source:
            await found.put(data)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        await found.put(error)
    else:
        await found.put(None)


class _Stream(StreamingResponse):
    """Closes its events however it ends, even before the first of them."""

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        on_end: Callable[[], None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._events = events
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._events.aclose()
            self._on_end()


def streamed(
    source: AsyncGenerator[bytes, None],
    ping_s: float,
    on_end: Callable[[], None] = lambda: None,
) -> StreamingResponse:
    """The reply that sends a source's events as they come.

    `on_end` frees what the source reads from: a source that nobody began to read cannot.
    """
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return _Stream(with_pings(source, ping_s), on_end, headers)
