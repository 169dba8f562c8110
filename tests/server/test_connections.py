"""Connections end: for those who say nothing, too little or too slowly, do not read, or are too many."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gptoss.errors import ServerError
from gptoss.kernels import Float32
from gptoss.model.batch import Batch
from gptoss.runtime import LoadedModel
from gptoss.server.transport.limits import (
    MAX_CONNECTIONS,
    RESERVED_DESCRIPTORS,
    ConnectionLimits,
    num_places,
)
from tests.server.conftest import LiveServer, MakeServer, sums, wait_until
from tests.server.test_run import serving
from tests.server.test_sockets import LONG, posted

HALF = b"GET /version HTTP/1.1\r\nHost: localhost\r\nX-A: "
WHOLE = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
# A reply that is more than small buffers hold.
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
UPLOAD = (
    b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)


@contextlib.contextmanager
def connected(server: LiveServer, num: int = 1) -> Iterator[list[socket.socket]]:
    """So many connections, each of which waits for ten seconds at most."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            for _ in range(num)
        ]


@contextlib.contextmanager
def reading_little(server: LiveServer) -> Iterator[socket.socket]:
    """A connection with small buffers on both ends."""
    server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(60)
        peer.connect(("127.0.0.1", server.port))
        yield peer


def rest_of(peer: socket.socket) -> tuple[bytes, float]:
    """What comes until the server ends the connection, and after how many seconds."""
    began, found = time.monotonic(), b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := peer.recv(1 << 16):
            found += part
    return found, time.monotonic() - began


def is_open(peer: socket.socket) -> bool:
    """Whether the server has not ended it."""
    peer.setblocking(False)
    try:
        return peer.recv(1 << 16) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    finally:
        peer.settimeout(10)


def limits(**given: float | int) -> dict[str, ConnectionLimits]:
    """Settings with deadlines of a minute, but for those given."""
    minute: dict[str, float | int] = dict.fromkeys(
        ("head_s", "idle_s", "write_s", "linger_s"), 60.0
    )
    return {"connections": ConnectionLimits(**{**minute, **given})}  # type: ignore[arg-type]


class TestDeadlines:
    """Each for what a client owes, and for nothing else."""

    def test_nothing(self, make_server: MakeServer) -> None:
        with connected(make_server(**limits(head_s=0.3))) as (peer,):
            said, seconds = rest_of(peer)
        assert said == b""
        assert 0.2 < seconds < 3

    def test_half_a_head(self, make_server: MakeServer) -> None:
        with connected(make_server(**limits(head_s=0.3, linger_s=0.2))) as (peer,):
            peer.sendall(HALF)
            said, seconds = rest_of(peer)
        assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert said.count(b"HTTP/1.1") == 1
        assert 0.2 < seconds < 3

    def test_a_head_byte_by_byte(self, make_server: MakeServer) -> None:
        """No byte gives it more time."""
        with connected(make_server(**limits(head_s=0.5, linger_s=0.2))) as (peer,):
            peer.sendall(HALF)
            began = time.monotonic()
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                while time.monotonic() - began < 5:
                    peer.sendall(b"a")
                    time.sleep(0.05)
        assert time.monotonic() - began < 3

    def test_no_second_request(self, make_server: MakeServer) -> None:
        with connected(make_server(**limits(idle_s=0.3))) as (peer,):
            peer.sendall(WHOLE)
            said, seconds = rest_of(peer)
        assert said.count(b"HTTP/1.1 200") == said.count(b"HTTP/1.1") == 1
        assert 0.2 < seconds < 3

    def test_half_of_a_second_head(self, make_server: MakeServer) -> None:
        with connected(make_server(**limits(head_s=0.3, linger_s=0.2))) as (peer,):
            peer.sendall(WHOLE + HALF)
            said, _ = rest_of(peer)
        assert said.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 408" in said

    def test_a_body_that_nobody_needs(self, make_server: MakeServer) -> None:
        """The request has been answered."""
        with connected(make_server(**limits(head_s=0.3))) as (peer,):
            peer.sendall(WHOLE[:-2] + b"Content-Length: 1000000\r\n\r\n")
            assert peer.recv(1 << 16).startswith(b"HTTP/1.1 200")
            began = time.monotonic()
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                while time.monotonic() - began < 5:
                    peer.sendall(b"a")
                    time.sleep(0.02)
        assert time.monotonic() - began < 3

    def test_after_such_a_body_a_connection_goes_on(self, make_server: MakeServer) -> None:
        with connected(make_server(**limits(head_s=1, idle_s=0.3))) as (peer,):
            peer.sendall(WHOLE[:-2] + b"Content-Length: 10\r\n\r\n")
            assert peer.recv(1 << 16).startswith(b"HTTP/1.1 200")
            time.sleep(0.1)
            peer.sendall(b"0123456789")
            time.sleep(0.1)
            peer.sendall(WHOLE)
            said, seconds = rest_of(peer)
        assert b"HTTP/1.1 200" in said
        assert seconds < 3

    def test_what_comes_after_a_refusal(self, make_server: MakeServer) -> None:
        """It is let pass so that the refusal is not lost with it, but not for ever."""
        with connected(make_server(**limits(linger_s=0.5))) as (peer,):
            peer.sendall(b"bad\r\n\r\n")
            began = time.monotonic()
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                while time.monotonic() - began < 5:
                    peer.sendall(b"a" * 1000)
                    time.sleep(0.01)
            assert 0.3 < time.monotonic() - began < 3

    def test_a_refusal_reaches_who_sends_on(self, make_server: MakeServer) -> None:
        with connected(make_server(**limits(linger_s=2))) as (peer,):
            peer.sendall(WHOLE[:-2] + b"X: " + b"a" * 3_000_000 + b"\r\n\r\n")
            assert peer.recv(1 << 16).startswith(b"HTTP/1.1 431")

    def test_work_has_none(
        self, make_server: MakeServer, nano_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stream takes as long as it takes, however much of it is waited for."""
        forward = nano_model.transformer.forward

        def slow(batch: Batch) -> Float32:
            time.sleep(0.02)
            return forward(batch)

        monkeypatch.setattr(nano_model.transformer, "forward", slow)
        server = make_server(**limits(head_s=0.1, idle_s=0.1, write_s=0.1, linger_s=0.1))
        form = {"type": "regex", "regex": "[a-z]{100}"}
        body = {**LONG, "max_tokens": 100, "response_format": form}
        began = time.monotonic()
        reply = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)
        assert reply.text.endswith("data: [DONE]\n\n")
        assert time.monotonic() - began > 0.3

    def test_a_slow_stream_is_not_its_readers_fault(self, make_server: MakeServer) -> None:
        """It says nothing for longer than a client may take to read."""
        server = make_server(**limits(write_s=0.1))
        with connected(server) as (peer,):
            peer.sendall(posted({**LONG, "max_tokens": 300}))
            said = b""
            while b"[DONE]" not in said:
                time.sleep(0.15)
                said += peer.recv(1 << 20)

    def test_who_does_not_read_is_dropped(
        self, make_server: MakeServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And nobody works for it any more."""
        caplog.set_level(logging.INFO, "gptoss")
        server = make_server(**limits(write_s=0.3))
        with reading_little(server) as peer:
            peer.sendall(LARGE)
            wait_until(lambda: "dropped reason=unread" in caplog.text)
        wait_until(lambda: not server.num_connections)

    def test_nor_is_a_stream_worked_at_that_nobody_reads(self, make_server: MakeServer) -> None:
        server = make_server(**limits(write_s=0.3))
        with reading_little(server) as peer:
            # More than the buffers hold: a kilobyte for each token.
            peer.sendall(posted({**LONG, "logprobs": True, "top_logprobs": 20}))
            wait_until(lambda: server.service.model.load_now.running > 0)
            wait_until(lambda: not server.num_connections)
            wait_until(lambda: server.service.model.load_now.running == 0, 15)
            assert b"[DONE]" not in rest_of(peer)[0]

    def test_who_reads_slowly_is_not(self, make_server: MakeServer) -> None:
        server = make_server(**limits(write_s=0.5))
        began = time.monotonic()
        with reading_little(server) as peer:
            peer.sendall(LARGE)
            found = b""
            while part := peer.recv(40_000):
                found += part
                time.sleep(0.1)
        assert time.monotonic() - began > 1
        head, _, body = found.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}\r\n".encode() in head


class TestPlaces:
    """As many as there are, for whoever has something to ask."""

    def test_silent_ones_make_room(self, make_server: MakeServer) -> None:
        server = make_server(**limits(most=16))
        with connected(server, 60) as peers:
            for peer in peers[::2]:
                with contextlib.suppress(OSError):
                    peer.sendall(HALF)
            for _ in range(5):
                assert httpx.get(f"{server.url}/health", timeout=5).status_code == 200
            wait_until(lambda: sum(map(is_open, peers)) <= 16)

    def test_requests_in_progress_do_not(self, make_server: MakeServer) -> None:
        server = make_server(**limits(most=16))
        with connected(server) as (peer,):
            peer.sendall(posted({**LONG, "max_tokens": 1500}))
            assert peer.recv(100).startswith(b"HTTP/1.1 200")
            with connected(server, 100):
                pass
            said, _ = rest_of_stream(peer)
        assert b"[DONE]" in said

    def test_with_all_at_work_newcomers_are_told(
        self, make_server: MakeServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        server = make_server(**limits(most=16, linger_s=0.5))
        with connected(server, 16) as peers:
            for peer in peers:
                peer.sendall(UPLOAD)
            wait_until(lambda: server.num_at_work == 16)
            began = time.monotonic()
            with connected(server, 40) as others:
                others[-1].sendall(WHOLE)
                said, _ = rest_of(others[-1])
                assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
                assert b"\r\nRetry-After: 5\r\n" in said
                for other in others[:-1]:
                    rest_of(other)
            assert time.monotonic() - began < 5
            assert all(map(is_open, peers))
        wait_until(lambda: not server.num_connections)
        assert httpx.get(f"{server.url}/health", timeout=60).status_code == 200

    def test_a_crowd_is_answered(self, make_server: MakeServer) -> None:
        """More connections one after the other than there are places, all with a request."""
        server = make_server(**limits(most=16))
        with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=60) as client:
            for _ in range(60):
                assert client.get(f"{server.url}/health").status_code == 200
        wait_until(lambda: not server.num_connections)

    def test_places_come_back(self, make_server: MakeServer) -> None:
        """However a connection ends."""
        server = make_server(**limits(most=16, head_s=0.2, linger_s=0.2))
        for data in (b"", HALF, WHOLE, b"bad\r\n\r\n", UPLOAD, posted(LONG)):
            with connected(server, 5) as peers:
                for peer in peers:
                    peer.sendall(data)
                    if data:
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                time.sleep(0.05)
        wait_until(lambda: not server.num_connections)
        wait_until(lambda: server.service.model.load_now.running == 0)
        assert httpx.post(f"{server.url}/v1/chat/completions", json=sums(), timeout=30).is_success


def rest_of_stream(peer: socket.socket) -> tuple[bytes, float]:
    """What comes until the last event."""
    began, found = time.monotonic(), b""
    while b"[DONE]" not in found and (part := peer.recv(1 << 16)):
        found += part
    return found, time.monotonic() - began


class TestDescriptors:
    """Places are fewer than the process may have descriptors."""

    @pytest.fixture(autouse=True)
    def _as_before(self) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def test_a_low_limit_is_raised_as_far_as_needed(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        assert num_places(None) == MAX_CONNECTIONS
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert MAX_CONNECTIONS + RESERVED_DESCRIPTORS < soft < MAX_CONNECTIONS + 1000

    def test_a_high_one_is_left_alone(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        assert num_places(32) == 32
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)

    @pytest.mark.parametrize("given", [{"most": 15}, {"head_s": 0}, {"write_s": -1}])
    def test_limits_that_are_none(self, given: dict[str, int]) -> None:
        with pytest.raises(ServerError, match="wanted"):
            ConnectionLimits(**given)

    @pytest.mark.parametrize(("most", "options"), [(110, []), (256, ["--max-connections", "300"])])
    def test_too_few_are_said_at_the_start(self, most: int, options: list[str]) -> None:
        command = [sys.executable, "-m", "gptoss", "serve", "--port", "0", *options]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
        )
        assert done.returncode == 2
        assert f"got a limit of {most} open files" in done.stderr
        assert "ulimit -n" in done.stderr
        assert "Traceback" not in done.stderr

    def test_none_left(self, make_server: MakeServer, caplog: pytest.LogCaptureFixture) -> None:
        """Which the system would say again and again: those without a request make room."""
        server = make_server(**limits())
        with socket.socket() as peer, connected(server) as (silent,):
            wait_until(lambda: server.num_connections == 1)
            free = os.dup(0)
            os.close(free)
            # All below it are taken.
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            peer.settimeout(5)
            peer.connect(("127.0.0.1", server.port))
            peer.sendall(WHOLE)
            assert peer.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert not is_open(silent)
        assert caplog.text.count("cannot take a connection: Too many open files") == 1
        assert "Traceback" not in caplog.text

    def test_a_server_with_few(self, tmp_path: Path) -> None:
        """Held by 400 silent connections and more that come, it answers and hardly writes."""
        log = tmp_path / "log"
        with serving(log=log, num_files=256) as (address, process):
            host, _, port = address.removeprefix("http://").partition(":")
            size = log.stat().st_size
            held = [socket.create_connection((host, int(port))) for _ in range(400)]
            began = time.monotonic()
            while time.monotonic() - began < 1:
                assert httpx.get(f"{address}/health", timeout=5).status_code == 200
                assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 256
            assert log.stat().st_size - size < 200_000
            for peer in held:
                peer.close()
