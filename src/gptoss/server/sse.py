"""Server-sent events: the bytes, signs of life in between, and the end that a stream always has."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.responses import StreamingResponse

_PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"


def event(data: object, name: str | None = None) -> bytes:
    """One event: its data as a line of JSON."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {text}\n\n".encode()


async def with_pings(source: AsyncGenerator[bytes, None], seconds: float) -> AsyncIterator[bytes]:
    """What the source gives, and a comment whenever it gives nothing for so long; closes it in any case."""
    pending: asyncio.Future[bytes] | None = None
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({pending}, timeout=seconds)
            if not done:
                yield _PING
                continue
            try:
                data = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            yield data
    finally:
        if pending is not None:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await pending
        await source.aclose()


def streamed(source: AsyncGenerator[bytes, None], ping_s: float) -> StreamingResponse:
    """The reply that sends a source's events as they come."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        with_pings(source, ping_s), media_type="text/event-stream", headers=headers
    )
