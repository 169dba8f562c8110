"""Server-sent events: the bytes, signs of life in between, and the end that a stream always has."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TypeVar

from anyio import CancelScope
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gptoss.server.fan_in import StreamWriter, fan_in, stream_events
from gptoss.server.replies import Reply
from gptoss.server.service import Running, Service

_PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"

_Event = TypeVar("_Event")


def event(data: Reply | bytes, name: str | None = None) -> bytes:
    """One event: its data as a line of JSON; bytes are one."""
    line = data if isinstance(data, bytes) else data.written()
    if name:
        return b"event: %b\ndata: %b\n\n" % (name.encode(), line)
    return b"data: %b\n\n" % line


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
    """The reply that sends a source's events as they come, and a comment whenever none comes for so many seconds.

    `on_end` frees what the source reads from: a source that nobody began to read cannot.
    """
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return _Stream(fan_in([source], ping_s, _PING), on_end, headers)


def streamed_events(
    service: Service,
    running: Sequence[Running],
    sources: Sequence[AsyncGenerator[_Event, None]],
    writer: StreamWriter[_Event, bytes],
    release: Callable[[], None] = lambda: None,
) -> StreamingResponse:
    """The reply that is the stream of some answers: see `stream_events`; `release` lets go of what they need."""

    def on_end() -> None:
        service.forget(running)
        release()

    told = stream_events(service, running, sources, writer)
    return streamed(told, service.settings.ping_s, on_end)
