"""Requests as bytes, most of which are none: each gets its status and a line, and no trace in the log."""

from __future__ import annotations

import json
import logging
import re
import socket
from dataclasses import dataclass
from random import Random

import httpx
import pytest

from gptoss.server.transport.limits import ConnectionLimits
from tests.server.conftest import LiveServer, MakeServer

HOST = b"Host: localhost\r\n"
GET = b"GET /version HTTP/1.1\r\n" + HOST
BODY = b'{"content":"x"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"f\r\n" + BODY + b"\r\n0\r\n\r\n"
# Asked at the end of each case, on the same connection: whether it goes on.
LAST = b"GET /health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def post(headers: bytes, body: bytes = BODY, version: bytes = b"1.1") -> bytes:
    """A request to count tokens, with those headers."""
    head = (
        b"POST /tokenize HTTP/" + version + b"\r\n" + HOST + b"Content-Type: application/json\r\n"
    )
    return head + headers + b"\r\n" + body


def get(target: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    """A request without a body."""
    return method + b" " + target + b" " + version + b"\r\n" + HOST + b"\r\n"


def with_header(line: bytes) -> bytes:
    """A request with a further header."""
    return GET + line + b"\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """Bytes, the status of each reply to them, and whether the connection goes on after them."""

    name: str
    data: bytes
    statuses: tuple[int, ...]
    goes_on: bool = False


def refused(name: str, data: bytes, status: int = 400) -> Case:
    return Case(name, data, (status,))


def taken(name: str, data: bytes, *statuses: int) -> Case:
    return Case(name, data, statuses or (200,), goes_on=True)


CASES = [
    # Versions.
    taken("plain", GET + b"\r\n"),
    Case("HTTP/1.0", get(b"/version", version=b"HTTP/1.0"), (200,)),
    Case("HTTP/1.0 without a host", b"GET /version HTTP/1.0\r\n\r\n", (403,)),
    Case(
        "HTTP/1.0 with keep-alive",
        b"GET /version HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
        (200,),
    ),
    refused("a line without a version", b"GET /version\r\n\r\n"),
    refused("HTTP/0.9", get(b"/version", version=b"HTTP/0.9")),
    refused("HTTP/1.2", get(b"/version", version=b"HTTP/1.2")),
    refused("HTTP/2.0", get(b"/version", version=b"HTTP/2.0")),
    refused("HTTP/11", get(b"/version", version=b"HTTP/11")),
    refused("http in small letters", get(b"/version", version=b"http/1.1")),
    refused("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00"),
    # Other protocols, and none.
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    refused("SSL 2", b"\x80\x2e\x01\x00\x02\r\n\r\n"),
    refused("zeros", bytes(100)),
    refused("words", b"nothing like HTTP\r\n\r\n"),
    refused("all bytes", bytes(range(33, 256)) * 4 + b"\r\n\r\n"),
    refused("SMTP", b"EHLO localhost\r\n\r\n"),
    refused("an empty line first", b"\r\n" + GET + b"\r\n"),
    # Lines.
    taken("lines that end in LF", (GET + b"\r\n").replace(b"\r\n", b"\n")),
    refused("CR in a value", with_header(b"X: a\rb")),
    refused("NUL in a value", with_header(b"X: a\x00b")),
    refused("vertical tab in a value", with_header(b"X: a\x0bb")),
    taken("a folded header", with_header(b"X: a\r\n b")),
    refused("a fold before all headers", b"GET /version HTTP/1.1\r\n a: b\r\n" + HOST + b"\r\n"),
    refused("a space before the colon", with_header(b"X : a")),
    refused("a header without a name", with_header(b": a")),
    refused("a header without a colon", with_header(b"Xa")),
    refused("a space in a name", with_header(b"X a: b")),
    refused("a name beyond ASCII", with_header("Xé: b".encode())),
    refused("spaces without end", with_header(b"X: " + b" " * 60_000 + b"\x0c")),
    # Sizes.
    refused("a long header", with_header(b"X: " + b"a" * 200_000), 431),
    refused("many headers", with_header(b"X: y\r\n" * 30_000), 431),
    refused("250 headers", with_header(b"\r\n".join([b"X: y"] * 250)), 431),
    taken("150 headers", with_header(b"\r\n".join([b"X: y"] * 150))),
    refused("a long target", get(b"/" + b"a" * 100_000), 431),
    refused("a little more than may be", with_header(b"X: " + b"a" * (64 << 10)), 431),
    taken("a little less", with_header(b"X: " + b"a" * (63 << 10))),
    # Hosts.
    refused("no host", b"GET /version HTTP/1.1\r\n\r\n"),
    refused("the host twice", GET + HOST + b"\r\n"),
    refused("two hosts", with_header(b"Host: evil.example")),
    taken("an empty host", b"GET /version HTTP/1.1\r\nHost:\r\n\r\n", 403),
    refused("a user in the host", b"GET /version HTTP/1.1\r\nHost: me@localhost\r\n\r\n"),
    refused("a path in the host", b"GET /version HTTP/1.1\r\nHost: localhost/x\r\n\r\n"),
    refused("words after an address", b"GET /version HTTP/1.1\r\nHost: [::1]evil.example\r\n\r\n"),
    refused("a port of letters", b"GET /version HTTP/1.1\r\nHost: localhost:http\r\n\r\n"),
    # Targets.
    taken("a whole address", get(b"http://localhost/version")),
    taken("a whole address elsewhere", get(b"http://evil.example/version"), 403),
    refused("a user in the address", get(b"http://me@localhost/version")),
    refused("another scheme", get(b"ftp://localhost/version")),
    refused("a target that is no path", get(b"version")),
    refused("a target that forges a log", get(b"status=200")),
    taken("OPTIONS of all", get(b"*", b"OPTIONS"), 404),
    refused("GET of all", get(b"*")),
    refused("a space in the target", get(b"/ver sion")),
    refused("a target beyond ASCII", get("/é".encode())),
    taken("escaped NUL", get(b"/%00"), 404),
    taken("escaped lines", get(b"/%0d%0aX:y"), 404),
    taken("escaped bytes that are no text", get(b"/%ff%fe"), 404),
    taken("a path upwards", get(b"/../../etc/passwd"), 404),
    # Methods.
    refused("CONNECT", get(b"localhost:443", b"CONNECT")),
    taken("TRACE", get(b"/version", b"TRACE"), 405),
    taken("a method of nobody", get(b"/version", b"FOO"), 405),
    taken("get in small letters", get(b"/version", b"get"), 405),
    refused("a long method", get(b"/version", b"A" * 60_000)),
    refused("no token", get(b"/version", b"G(T")),
    refused("two spaces", get(b" /version")),
    refused("a tab", b"GET\t/version HTTP/1.1\r\n" + HOST + b"\r\n"),
    # Lengths.
    refused("-5", post(b"Content-Length: -5\r\n")),
    refused("+15", post(b"Content-Length: +15\r\n")),
    refused("0xf", post(b"Content-Length: 0xf\r\n")),
    refused("1e1", post(b"Content-Length: 1e1\r\n")),
    refused("no number", post(b"Content-Length: \r\n")),
    refused("two numbers", post(b"Content-Length: 15 15\r\n")),
    refused("numbers that differ", post(b"Content-Length: 15, 16\r\n")),
    refused("lengths that differ", post(b"Content-Length: 5\r\nContent-Length: 15\r\n")),
    taken("a length twice", post(b"Content-Length: 15\r\nContent-Length: 15\r\n")),
    refused("a length of 25 digits", post(b"Content-Length: " + b"9" * 25 + b"\r\n")),
    refused("digits of another script", post("Content-Length: ١٥\r\n".encode())),
    # Codings.
    taken("chunked", post(CHUNKED, CHUNKS)),
    taken("chunked in capitals", post(CHUNKED.upper(), CHUNKS)),
    refused("both lengths", post(b"Content-Length: 6\r\n" + CHUNKED, CHUNKS)),
    refused("both the other way round", post(CHUNKED + b"Content-Length: 6\r\n", CHUNKS)),
    refused("chunked in HTTP/1.0", post(CHUNKED, CHUNKS, b"1.0")),
    refused("chunked twice", post(CHUNKED * 2, CHUNKS)),
    refused("chunked, chunked", post(b"Transfer-Encoding: chunked, chunked\r\n", CHUNKS)),
    refused("xchunked", post(b"Transfer-Encoding: xchunked\r\n", CHUNKS)),
    refused("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS)),
    refused("identity", post(b"Transfer-Encoding: identity\r\nContent-Length: 15\r\n")),
    refused("no coding", post(b"Transfer-Encoding:\r\n", CHUNKS)),
    refused("a vertical tab before it", post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKS)),
    refused("a space before its colon", post(b"Transfer-Encoding : chunked\r\n", CHUNKS)),
    # Chunks.
    taken("extensions", post(CHUNKED, b"f;a=b\r\n" + BODY + b"\r\n0;x\r\n\r\n")),
    refused("an endless extension", post(CHUNKED, b"f;" + b"a" * 300_000), 431),
    refused("an extension of spaces", post(CHUNKED, b"f;" + b" " * 60_000 + b"\n\r\n")),
    taken("trailers", post(CHUNKED, b"f\r\n" + BODY + b"\r\n0\r\nX: y\r\nHost: evil\r\n\r\n")),
    refused("a bad trailer", post(CHUNKED, b"f\r\n" + BODY + b"\r\n0\r\nX y\r\n\r\n")),
    refused("endless trailers", post(CHUNKED, b"0\r\n" + b"X: y\r\n" * 30_000), 431),
    refused("a size that is none", post(CHUNKED, b"ZZ\r\n" + BODY + b"\r\n0\r\n\r\n")),
    refused("a negative size", post(CHUNKED, b"-f\r\n" + BODY + b"\r\n0\r\n\r\n")),
    refused("a size with 0x", post(CHUNKED, b"0xf\r\n" + BODY + b"\r\n0\r\n\r\n")),
    refused("a size of 21 digits", post(CHUNKED, b"0" * 20 + b"f\r\n" + BODY + b"\r\n0\r\n\r\n")),
    refused("a chunk that is longer", post(CHUNKED, b"5\r\n" + BODY + b"\r\n0\r\n\r\n")),
    refused("a chunk that has no end", post(CHUNKED, b"f\r\n" + BODY + b"XX0\r\n\r\n")),
    refused("thousands of small chunks", post(CHUNKED, b"1\r\n \r\n" * 6000)),
    # What else a request may want.
    taken("a body of GET", with_header(b"Content-Length: 3\r\n\r\nabc")[:-4]),
    Case("100-continue", post(b"Content-Length: 15\r\nExpect: 100-continue\r\n"), (100, 200), True),
    refused("another expectation", post(b"Content-Length: 15\r\nExpect: 200-ok\r\n"), 417),
    Case(
        "100-continue in HTTP/1.0",
        post(b"Content-Length: 15\r\nExpect: 100-continue\r\n", version=b"1.0"),
        (200,),
    ),
    taken("WebSocket", with_header(b"Upgrade: websocket\r\nConnection: Upgrade")),
    taken("h2c", with_header(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings")),
    taken("ten behind each other", (GET + b"\r\n") * 10, *[200] * 10),
    Case("a bad one behind a good one", GET + b"\r\nbad\r\n\r\n", (200, 400)),
    Case("another after the last", with_header(b"Connection: close") + GET + b"\r\n", (200,)),
    taken("a junk connection", with_header(b"Connection: \xff\xfe, ,,")),
    taken(
        "a junk type", post(b"Content-Length: 15\r\n").replace(b"application/json", b"\xff"), 415
    ),
    taken("a junk key", with_header(b"Authorization: \xff\xfe")),
    taken("a junk id", with_header(b"X-Request-Id: a status=200\xff")),
]


def exchange(server: LiveServer, data: bytes) -> list[httpx.Response]:
    """The replies to bytes, which must end: the last of them closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
        found = b""
        try:
            peer.sendall(data)
            while part := peer.recv(1 << 16):
                found += part
        except (BrokenPipeError, ConnectionResetError):
            pass
    replies = []
    while found:
        head, _, found = found.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:])]
        status = int(re.fullmatch(r"HTTP/1\.1 (\d\d\d) .*", lines[0])[1])  # type: ignore[index]
        length = int(dict(headers).get("content-length", dict(headers).get("Content-Length", "0")))
        replies.append(httpx.Response(status, headers=headers, content=found[:length]))
        found = found[length:]
    return replies


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_bytes_get(
    case: Case, live_server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    replies = exchange(live_server, case.data + LAST)
    statuses = (*case.statuses, 200) if case.goes_on else case.statuses
    assert tuple(reply.status_code for reply in replies) == statuses
    if not case.goes_on:
        assert replies[-1].headers["connection"] == "close"
    for reply in replies:
        if reply.status_code in (400, 417, 431):
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["content-type"] == "application/json"
            assert reply.json()["error"]["type"] == "invalid_request_error"
    lines = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert all(len(line) < 250 and line.isprintable() for line in lines), lines
    assert not any(record.exc_info for record in caplog.records)
    assert not any(record.levelno >= logging.WARNING for record in caplog.records)
    assert httpx.get(f"{live_server.url}/health", timeout=60).status_code == 200


def test_there_are_as_many_as_held() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 63


def test_one_reply_to_two_lengths_that_smuggle(live_server: LiveServer) -> None:
    """The bytes after the shorter body are no request of their own."""
    smuggled = b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n"
    both = b"Content-Length: 5\r\n" + CHUNKED
    replies = exchange(live_server, post(both, b"0\r\n\r\n" + smuggled))
    assert [reply.status_code for reply in replies] == [400]


def test_a_whole_address_says_who_is_asked(live_server: LiveServer) -> None:
    """The Host header does not count then, in either direction."""
    there = b"GET http://localhost/version HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    elsewhere = b"GET http://evil.example/version HTTP/1.1\r\n" + HOST + b"\r\n"
    replies = exchange(live_server, there + elsewhere + LAST)
    assert [reply.status_code for reply in replies] == [200, 403, 200]


def test_clients_that_leave_at_any_byte(
    live_server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    data = post(CHUNKED, CHUNKS)
    for size in range(len(data)):
        with socket.create_connection(("127.0.0.1", live_server.port), timeout=5) as peer:
            peer.sendall(data[:size])
    assert httpx.get(f"{live_server.url}/health", timeout=60).status_code == 200
    assert not any(record.exc_info for record in caplog.records)
    assert not any(record.levelno >= logging.WARNING for record in caplog.records)


@pytest.mark.parametrize("step", [1, 2, 7])
def test_requests_that_come_in_pieces(step: int, live_server: LiveServer) -> None:
    data = post(CHUNKED, CHUNKS) + LAST
    with socket.create_connection(("127.0.0.1", live_server.port), timeout=5) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), step):
            peer.sendall(data[start : start + step])
        found = b""
        while part := peer.recv(1 << 16):
            found += part
    assert found.count(b"HTTP/1.1 200") == 2
    assert json.loads(found.split(b"\r\n\r\n")[1].partition(b"HTTP")[0])["tokens"]


SEEDS = [
    GET + b"\r\n",
    post(b"Content-Length: 15\r\n"),
    post(CHUNKED, b"5;a=b\r\n" + BODY[:5] + b"\r\na\r\n" + BODY[5:] + b"\r\n0\r\nX: y\r\n\r\n"),
    with_header(b"Upgrade: h2c\r\nConnection: Upgrade"),
    post(b"Content-Length: 15\r\nExpect: 100-continue\r\n"),
    get(b"http://localhost/version"),
]
# What is put in somewhere.
PIECES = [
    *(bytes([byte]) for byte in b"\x00\t\n\r \x0b:;,0/\x7f\xff"),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"HTTP/1.1",
        b"Host: a\r\n",
        b"0\r\n\r\n",
        CHUNKED,
        b"Content-Length: 3\r\n",
    ),
]


def damaged(random: Random) -> bytes:
    """A request with some bytes taken out, doubled or put in."""
    data = bytearray(random.choice(SEEDS))
    for _ in range(random.randint(1, 4)):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice((0, 0, 1, 1, 2, 5, 40)))
        put = random.choice((b"", random.choice(PIECES), bytes(data[start:end]) * 2))
        data[start:end] = put
    return bytes(data)


@pytest.mark.parametrize("seed", range(2))
def test_damaged_requests(
    seed: int, make_server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is done to a request: an answer that is no fault of ours, or none, and an end."""
    quick = ConnectionLimits(head_s=0.05, idle_s=0.05, linger_s=0.05)
    server = make_server(connections=quick, body_s=0.05)
    random = Random(seed)
    for _ in range(60):
        data = damaged(random)
        for reply in exchange(server, data):
            assert reply.status_code < 500, data
    assert not any(record.exc_info for record in caplog.records)
    assert not any(record.levelno >= logging.WARNING for record in caplog.records)
    assert httpx.get(f"{server.url}/health", timeout=60).status_code == 200


class TestLogLines:
    """Nobody writes fields of a line but the server."""

    @pytest.mark.parametrize(
        "given",
        [b"a status=500", b"a=b", b'a"b', b"a\xffb", b"a\tb", b"a\\nb", b"a,b", b"x" * 101, b"%0a"],
    )
    def test_ids_that_could_be_fields(
        self, given: bytes, live_server: LiveServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "gptoss")
        (reply,) = exchange(live_server, LAST[:-2] + b"X-Request-Id: " + given + b"\r\n\r\n")
        made = reply.headers["x-request-id"]
        assert re.fullmatch("req_[A-Za-z0-9]+", made)
        line = next(text for record in caplog.records if made in (text := record.getMessage()))
        fields = line.removeprefix("request ").split(" ")
        assert [field.partition("=")[0] for field in fields] == [
            "id",
            "method",
            "route",
            "status",
            "seconds",
        ]

    @pytest.mark.parametrize("given", ["req_1a", "00-4bf92f35-00f067aa-01", "a:b/c.d@e~f+g"])
    def test_ids_as_clients_have_them(self, given: str, live_server: LiveServer) -> None:
        reply = httpx.get(f"{live_server.url}/health", headers={"X-Request-Id": given}, timeout=60)
        assert reply.headers["x-request-id"] == given

    @pytest.mark.parametrize("method", [b"FOO", b"get", b"A|B", b"STATUS.200"])
    def test_methods_that_nobody_knows(
        self, method: bytes, live_server: LiveServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "gptoss")
        exchange(live_server, get(b"/version", method) + LAST)
        assert "method=other" in caplog.text
        assert method.decode() not in caplog.text
