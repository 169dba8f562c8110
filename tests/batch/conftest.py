"""A server on loopback that answers as it is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Says:
    """A reply; `cut`: none, the connection ends with a reset."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


class ScriptedServer:
    """Gives its replies in their order, the last one again and again, and keeps what it was asked."""

    def __init__(self, *says: Says) -> None:
        self.says = list(says)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.num_open = self.most_open = 0
        self.gate: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.answer(self)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        data = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        with self._lock:
            said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
            self.asked.append(
                (handler.path, dict(handler.headers), json.loads(data) if data else None)
            )
            self.num_open += 1
            self.most_open = max(self.most_open, self.num_open)
        self.gate()
        with self._lock:
            self.num_open -= 1
        if said.cut:
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.close_connection = True
            handler.connection.close()
            return
        body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        handler.send_response(said.status)
        for name, value in {**said.headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serving() -> Iterator[Callable[..., ScriptedServer]]:
    """Begins servers, and ends them."""
    with ExitStack() as stack:

        def begin(*says: Says) -> ScriptedServer:
            server = ScriptedServer(*says)
            stack.callback(server.close)
            return server

        yield begin
