"""Runs the server until it is told to end."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

from gptoss.errors import ServerError
from gptoss.runtime import LoadedModel
from gptoss.runtime.description import describe
from gptoss.server.app import create_app
from gptoss.server.log_rate import LogRate
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.server.transport.server import HttpServer

_LEVELS = ("info", "warning", "error")
# <malloc.h>
_M_ARENA_MAX = -8


def run(
    settings: ServerSettings, open_model: Callable[[], LoadedModel], log_level: str = "info"
) -> None:
    """Listen, open the model, and answer, until SIGTERM or SIGINT.

    The first one lets running answers end, for `settings.drain_s` at most; the second one ends them at once.

    Raises ServerError if the address or the descriptors cannot be had, or the model not be opened.
    """
    if log_level not in _LEVELS:
        raise ServerError(f"got the log level {log_level!r}, wanted one of {', '.join(_LEVELS)}")
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(LogRate())
    _share_heap()
    listener = _listen(settings)
    service = Service(settings, open_model)
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    server = _Server(service, address)
    key = "an API key is needed" if settings.keys.digests else "no key needed"
    print(f"gptoss: {address}/v1 ({key}); opening the model", file=sys.stderr, flush=True)
    server.run(sockets=[listener])
    if service.failure is not None:
        raise ServerError(f"the model could not be opened: {service.failure}")


def _share_heap() -> None:
    """One heap for all threads.

    glibc gives each thread one of its own, and what is free in one is of no use to the others: resident memory creeps
    up over days.
    """
    if sys.platform == "linux":
        # Other C libraries have no such thing, and one heap as they are.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        # Connections inherit it; asyncio sets it on sockets whose protocol is named, which this one's is not. Without
        # it, a reply's body waits 40 ms for the client to acknowledge its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ServerError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror or error}; "
            "choose another --host or --port"
        ) from None


class _Server(HttpServer):
    """Ends in two steps, and when the model cannot be opened."""

    def __init__(self, service: Service, address: str) -> None:
        super().__init__(create_app(service), service.settings.connections)
        self._service = service
        self._address = address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._num_signals = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Also begins to watch the model being opened."""
        self._loop = asyncio.get_running_loop()
        self._watching = asyncio.create_task(self._watch())
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, the second ends at once."""
        assert self._loop is not None
        self._num_signals += 1
        if self._num_signals > 2:
            # Whoever insists does not care for what is left undone.
            os._exit(1)
        if self._num_signals == 2:
            self.should_exit = True
            self._loop.call_soon_threadsafe(self._service.end_all)
            return
        name = signal.Signals(sig).name
        print(
            f"gptoss: {name}: ending what runs; once more ends at once", file=sys.stderr, flush=True
        )
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        await self._service.drain()
        self.should_exit = True

    async def _watch(self) -> None:
        while not self._service.is_ready and self._service.failure is None:
            await asyncio.sleep(0.05)
        if self._service.failure is not None:
            self.should_exit = True
        else:
            model = self._service.model
            found = f"gptoss: {model.name} is ready: {describe(model)}"
            page = f"; chat at {self._address}" if self._service.settings.has_page else ""
            print(found + page, file=sys.stderr, flush=True)
