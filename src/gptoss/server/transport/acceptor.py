"""Takes connections from a listening socket, as long as there are places."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import select
import socket
from collections.abc import Callable
from typing import Any

from gptoss.server.transport.connection import HttpConnection
from gptoss.server.transport.places import Places
from gptoss.server.transport.refusals import NO_PLACE

_LOG = logging.getLogger("gptoss.server")
# At one turn of the event loop: those that make room for them have ended by the next one.
_PER_TURN = 16
# Beyond the places: for those that are told that there is none.
_MAX_REFUSED = 16
# Until it is tried again, where the system could not.
_RETRY_S = 0.2
_NOTHING_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Takes connections while there are places, and pauses when the system cannot.

    asyncio's own takes all that come, until no descriptor is left, and then writes of it without end.
    """

    def __init__(
        self,
        listener: socket.socket,
        places: Places,
        make: Callable[[], HttpConnection],
        linger_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._places = places
        self._make = make
        self._linger_s = linger_s
        self._refused: dict[_NoPlace, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more; the listener is its owner's to close."""
        self._loop.remove_reader(self._listener)
        if self._retry is not None:
            self._retry.cancel()
        for refused in list(self._refused):
            refused.end()

    def _accept(self) -> None:
        for _ in range(_PER_TURN):
            try:
                peer, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._wait(error)
                return
            peer.setblocking(False)
            self._admit(peer, origin_of(address))

    def _admit(self, peer: socket.socket, origin: str) -> None:
        if self._places.is_full and not self._places.make_room(origin):
            _LOG.warning("refused status=503 reason=%r", NO_PLACE.message)
            if len(self._refused) >= _MAX_REFUSED:
                next(iter(self._refused)).end()
            refused = _NoPlace(self._linger_s, self._refused)
            self._start(refused, peer, lambda: refused.end())
            return
        connection = self._make()
        # Its descriptor is taken from now on, though it begins a turn later.
        self._places.enter(connection, origin)
        self._start(connection, peer, lambda: self._places.leave(connection))

    def _start(
        self, protocol: asyncio.Protocol, peer: socket.socket, fail: Callable[[], None]
    ) -> None:
        task = self._loop.create_task(self._connect(protocol, peer, fail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(
        self, protocol: asyncio.Protocol, peer: socket.socket, fail: Callable[[], None]
    ) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, peer)
        except OSError:
            fail()
            peer.close()

    def _wait(self, error: OSError) -> None:
        """Nothing can be taken now; the system would say so at every turn."""
        if not self._is_awaited():
            return
        _LOG.warning("cannot take a connection: %s", error.strerror)
        if error.errno in _NOTHING_LEFT:
            self._places.make_room("")
        self._loop.remove_reader(self._listener)
        self._retry = self._loop.call_later(
            _RETRY_S, self._loop.add_reader, self._listener, self._accept
        )

    def _is_awaited(self) -> bool:
        """Whether anybody waits to be taken: without descriptors, the system fails before it looks."""
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        return bool(waiting.poll(0))


class _NoPlace(asyncio.Protocol):
    """Says that there is no place, and goes."""

    def __init__(self, linger_s: float, all_of_them: dict[_NoPlace, None]) -> None:
        self._linger_s = linger_s
        self._all = all_of_them
        self._all[self] = None
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Say it, and let what comes pass for a while, so that it can be read."""
        self._transport = transport
        if self._is_over:
            transport.abort()
            return
        transport.write(NO_PLACE.reply())
        transport.write_eof()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._linger_s, self.end)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for it any more."""
        self.end()

    def end(self) -> None:
        """Drop the connection."""
        self._is_over = True
        self._all.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._transport.abort()


def origin_of(address: Any) -> str:
    """Whom an address stands for: of IPv6, one customer has 2**64 of them."""
    host = str(address[0])
    if ":" not in host:
        return host
    return f"{int(ipaddress.IPv6Address(host.partition('%')[0])) >> 64:x}::/64"
