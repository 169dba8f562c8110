"""Clients that speak HTTP badly, slowly, or all at once, by bare sockets."""

from __future__ import annotations

import json
import socket
import time

import httpx
import numpy as np
import pytest

from gptoss.kernels import Float32
from gptoss.model.batch import Batch
from tests.conftest import ScriptedModel
from tests.server.conftest import LiveServer, MakeServer, wait_until

LONG = {
    "messages": [{"role": "user", "content": "12 + 34"}],
    "reasoning_effort": "none",
    "response_format": {"type": "regex", "regex": "[a-z]{3500}"},
    "max_tokens": 3500,
    "stream": True,
}


def say(server: LiveServer, data: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes; what comes back until the server is silent or gone."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as peer:
        peer.sendall(data)
        found = b""
        try:
            while part := peer.recv(1 << 16):
                found += part
        except (TimeoutError, ConnectionResetError):
            pass
        return found


def posted(body: dict[str, object], *headers: str) -> bytes:
    """A whole request."""
    data = json.dumps(body).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
    ]
    lines += [f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


@pytest.mark.parametrize(
    "data",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 30_000 + b"\r\n",
        b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        b"nothing like HTTP\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["long header", "many headers", "bad chunk", "negative", "two lengths", "no HTTP", "TLS"],
)
def test_bad_http_is_refused_and_nothing_else_suffers(data: bytes, live_server: LiveServer) -> None:
    assert say(live_server, data, 1.0).startswith(b"HTTP/1.1 4")
    assert httpx.get(f"{live_server.url}/health", timeout=60).status_code == 200


@pytest.mark.parametrize("way", ["", "Expect: 100-continue\r\n"], ids=["plain", "expect"])
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_refusal_reaches_who_sends_all_before_it_reads(
    make_server: MakeServer, connection: str, way: str
) -> None:
    """Proof 1, for clients that do not look at what comes before they have sent everything."""
    server = make_server(max_body_bytes=1_000_000)
    # More than all buffers on the way hold.
    size = 30_000_000
    head = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Connection: {connection}\r\n{way}Content-Length: {size}\r\n\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
            peer.sendall(head.encode() + b"[" * size)
            assert peer.recv(1 << 16).startswith(b"HTTP/1.1 413")
            if connection == "keep-alive":
                peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert peer.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_requests_behind_each_other_on_one_connection(live_server: LiveServer) -> None:
    one = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert say(live_server, one * 4 + last).count(b"HTTP/1.1 200") == 5


def test_a_reader_that_does_not_read(make_server: MakeServer) -> None:
    """Others are answered meanwhile, and its turn ends when it goes."""
    server = make_server()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
    for peer in slow:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(posted(LONG))
    wait_until(lambda: server.service.model.load_now.running > 0)
    body = {"messages": [{"role": "user", "content": "12 + 34"}], "temperature": 0}
    answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=30)
    assert answer.json()["choices"][0]["message"]["content"] == "46"
    for peer in slow:
        peer.close()
    wait_until(lambda: server.service.model.load_now.running == 0)


def test_logits_that_are_no_numbers(make_server: MakeServer, scripted_model: ScriptedModel) -> None:
    """End their own request, and the next one is answered."""
    model = scripted_model("<|channel|>final<|message|>Hello.<|return|>")
    forward = model.transformer.forward

    def broken(batch: Batch) -> Float32:
        model.transformer.forward = forward  # type: ignore[method-assign]
        return np.full((len(batch.wanted), model.config.vocab_size), np.nan, np.float32)

    model.transformer.forward = broken  # type: ignore[method-assign]
    server = make_server(model=model)
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    first = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=30)
    assert first.status_code == 500
    assert "no finite value" in first.json()["error"]["message"]
    second = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=30)
    assert second.json()["choices"][0]["message"]["content"] == "Hello."


def test_a_header_that_never_ends(live_server: LiveServer) -> None:
    """Holds a connection, and nothing more."""
    peers = [socket.create_connection(("127.0.0.1", live_server.port)) for _ in range(50)]
    for peer in peers:
        peer.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    for _ in range(3):
        for peer in peers:
            peer.sendall(b"a")
        assert httpx.get(f"{live_server.url}/health", timeout=5).status_code == 200
        time.sleep(0.05)
    for peer in peers:
        peer.close()
