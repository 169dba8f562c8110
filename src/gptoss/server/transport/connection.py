"""One connection, from its place to its end: whom it waits for, and how long."""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gptoss.server.transport.limits import MAX_HEAD_BYTES, ConnectionLimits
from gptoss.server.transport.places import Places
from gptoss.server.transport.refusals import Refusal
from gptoss.server.transport.requests import RequestReader

_LOG = logging.getLogger("gptoss.server")
# What a client that is behind takes at least while it has time, unless there is less.
_LEAST_TAKEN_BYTES = 16 << 10


class _Phase(enum.Enum):
    """What comes next on a connection."""

    FIRST = "its first byte"
    HEAD = "the rest of a head"
    WORK = "the reply"
    SURPLUS = "the rest of a body that nobody needs any more"
    IDLE = "another request"
    REFUSED = "its end"


class HttpConnection(H11Protocol):
    """uvicorn's connection, with a deadline for whatever its client owes.

    uvicorn has one for the time between two requests alone: clients that send nothing, half a head or half of
    what it has ceased to wait for, and those that do not read, would stay for ever.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limits: ConnectionLimits,
        places: Places,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.conn = self._reader = RequestReader()
        self._limits = limits
        self._places = places
        self._phase: _Phase | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stalling: asyncio.TimerHandle | None = None
        self._request_since = self._stalled_since = 0.0
        self._last_cycle: object = None
        self._is_refused = self._is_evicted = self._is_lost = False

    @property
    def waits_since(self) -> float | None:
        """As `Guest` has it: for the rest of a body, or for room to send a reply."""
        if self.flow.write_paused:
            return self._stalled_since
        if self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused:
            return self._request_since
        return None

    def evict(self) -> None:
        """End at once."""
        self._is_evicted = True
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless the place is lost already."""
        super().connection_made(transport)
        # So that whatever the system does not take at once counts as waiting for the client.
        transport.set_write_buffer_limits(high=0)
        # Of asyncio's: what comes at once, and lies here until the application asks for it. A quarter of the default.
        transport.max_size = MAX_HEAD_BYTES  # type: ignore[attr-defined]
        if self._is_evicted:
            transport.abort()
        else:
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        super().connection_lost(exc)
        self._is_lost = True
        self._places.leave(self)
        for timer in (self._deadline, self._stalling):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on; what comes after a refusal is let pass."""
        # h11 would read a head of any size that comes at once.
        while len(data) > MAX_HEAD_BYTES and self.conn.their_state is h11.IDLE:
            if self._is_refused:
                return
            super().data_received(data[:MAX_HEAD_BYTES])
            data = data[MAX_HEAD_BYTES:]
        if not self._is_refused:
            super().data_received(data)

    def handle_events(self) -> None:
        """Act on what has come."""
        super().handle_events()
        if self.cycle is not self._last_cycle:
            self._last_cycle = self.cycle
            self._request_since = time.monotonic()
        self._settle()

    def on_response_complete(self) -> None:
        """Wait for the next request, with a deadline of our own."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self._settle()

    def pause_writing(self) -> None:
        """Give the client time to read."""
        super().pause_writing()
        self._stalled_since = time.monotonic()
        self._expect_reading()
        self._settle()

    def resume_writing(self) -> None:
        """The client has read all of it."""
        super().resume_writing()
        if self._stalling is not None:
            self._stalling.cancel()
            self._stalling = None
        self._settle()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with the request, which is more than uvicorn knows."""
        self._refuse(self._reader.refusal)

    def shutdown(self) -> None:
        """End when the reply has ended."""
        if self._is_refused:
            self.transport.abort()
        else:
            super().shutdown()

    def _should_upgrade(self) -> bool:
        """No: whoever asks for another protocol is answered in this one, as RFC 9110 (7.8) has it."""
        return False

    def _settle(self) -> None:
        """Set the deadline for what comes next, and say whether there is a request in progress."""
        phase = self._next_phase()
        if phase is self._phase or self._is_lost:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
        seconds = {
            _Phase.FIRST: self._limits.head_s,
            _Phase.HEAD: self._limits.head_s,
            _Phase.SURPLUS: self._limits.head_s,
            _Phase.IDLE: self._limits.idle_s,
            _Phase.REFUSED: self._limits.linger_s,
        }.get(phase)
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._expire)
        if phase is _Phase.WORK:
            self._places.work(self)
        else:
            self._places.rest(self)

    def _next_phase(self) -> _Phase:
        if self._is_refused:
            return _Phase.REFUSED
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.flow.write_paused:
            return _Phase.WORK
        if self.conn.their_state is not h11.IDLE:
            return _Phase.SURPLUS
        if self.conn.trailing_data[0]:
            return _Phase.HEAD
        return _Phase.FIRST if self.cycle is None else _Phase.IDLE

    def _expire(self) -> None:
        if self._phase is _Phase.HEAD:
            seconds = self._limits.head_s
            self._refuse(
                Refusal(408, f"the head of the request did not arrive within {seconds:g} s")
            )
        else:
            self.transport.abort()

    def _expect_reading(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._stalling = self.loop.call_later(self._limits.write_s, self._check_reading, left)

    def _check_reading(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() >= _LEAST_TAKEN_BYTES:
            self._expect_reading()
        else:
            _LOG.info("dropped reason=unread seconds=%g", self._limits.write_s)
            self.transport.abort()

    def _refuse(self, refusal: Refusal) -> None:
        """Say so if nothing has been said to that request, and let the rest of what comes pass."""
        if self._is_refused:
            return
        _LOG.info("refused status=%d reason=%r", refusal.status, refusal.message)
        can_reply = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        self._is_refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            # What it still sends goes nowhere.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if can_reply:
            self.transport.write(refusal.reply())
            # Closed on somebody who still sends, it would be reset, and the refusal lost.
            self.transport.write_eof()
            self.flow.resume_reading()
            self._settle()
        else:
            self.transport.close()
