"""Serves an application over HTTP: uvicorn, with connections of our own."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from gptoss.server.transport.acceptor import Acceptor
from gptoss.server.transport.connection import HttpConnection
from gptoss.server.transport.limits import ConnectionLimits, num_places
from gptoss.server.transport.places import Places
from gptoss.server.transport.requests import use_linear_patterns

# After the last answer has ended: for clients that keep a connection open.
_CLOSE_S = 3


class HttpServer(uvicorn.Server):
    """Runs until it is told to end.

    Raises ServerError if there are too few descriptors.
    """

    def __init__(self, app: ASGIApp, limits: ConnectionLimits) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            # What it warns of is said by our connections, with the reason.
            log_level="error",
            access_log=False,
            http="h11",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_CLOSE_S,
        )
        super().__init__(config)
        use_linear_patterns()
        self._limits = limits
        self.places = Places(num_places(limits.most))
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections from sockets that listen already."""
        # uvicorn starts all but what accepts.
        await super().startup([])
        self._acceptors = [
            Acceptor(listener, self.places, self._connection, self._limits.linger_s)
            for listener in sockets or ()
        ]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and let the last replies be read."""
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)

    def _connection(self) -> HttpConnection:
        return HttpConnection(
            self.config,
            self.server_state,
            self.lifespan.state,
            limits=self._limits,
            places=self.places,
        )
