"""What is decided before a body is read, and what bodies may take: of memory, and of everybody's time."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any, get_args

import pytest
from fastapi._compat import ModelField
from starlette.testclient import TestClient

from gptoss.forms.fail_fast import MANY, parts
from gptoss.server import bodies
from gptoss.server.bodies import Bodies
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.client_tools import ClientAction
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.held import SMALL_BYTES
from gptoss.server.messages.request import CountRequest, MessagesRequest
from gptoss.server.operation.tokens import DetokenizeRequest, TokenizeRequest
from gptoss.server.responses.request import ResponseRequest
from tests.server.conftest import (
    KEY,
    LiveServer,
    MakeClient,
    MakeServer,
    keys_of,
    sums,
    wait_until,
)

CHAT = "/v1/chat/completions"
MODELS = [
    ChatRequest,
    CompletionRequest,
    CountRequest,
    DetokenizeRequest,
    MessagesRequest,
    ResponseRequest,
    TokenizeRequest,
    *get_args(ClientAction),
]


def begun(server: LiveServer, method: str, path: str, *headers: str) -> bytes:
    """What is answered to a head that announces a body of which one byte comes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Length: 900000", *headers]
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
        peer.sendall("\r\n".join([*lines, "", "{"]).encode())
        return peer.recv(1 << 16)


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        *(
            (method, path, "", 405)
            for method in ("POST", "PUT")
            for path in ("/health", "/ping", "/")
        ),
        ("POST", CHAT, "", 401),
        ("POST", CHAT, "sk-another-key-of-nobody", 401),
        ("POST", "/nothing", "", 401),
        ("POST", "/nothing", KEY, 404),
        ("PUT", CHAT, KEY, 405),
        ("POST", "/v1/models", KEY, 405),
        ("PATCH", "/metrics", KEY, 405),
    ],
)
def test_decided_before_a_body_is_read(
    make_server: MakeServer, method: str, path: str, key: str, status: int
) -> None:
    server = make_server(keys=keys_of(KEY))
    headers = [f"Authorization: Bearer {key}"] if key else []
    got = begun(server, method, path, "Content-Type: application/json", *headers)
    assert got.startswith(f"HTTP/1.1 {status}".encode())


@pytest.mark.parametrize(
    ("header", "status"),
    [("Content-Type: text/plain", 415), ("X-Nothing: 1", 415)],
)
def test_a_body_of_another_kind_is_not_read(
    live_server: LiveServer, header: str, status: int
) -> None:
    assert begun(live_server, "POST", CHAT, header).startswith(f"HTTP/1.1 {status}".encode())


class TestRoom:
    """Bodies of all requests together."""

    def test_the_next_large_one_is_told_to_wait(self, make_server: MakeServer) -> None:
        server = make_server(max_held_bytes=300_000)
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 300000\r\n\r\n"
        ).encode()
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=5) as first,
            socket.create_connection(("127.0.0.1", server.port), timeout=5) as second,
        ):
            first.sendall(head + b" " * 290_000)
            _wait_until_held(server, 290_000 - SMALL_BYTES)
            second.sendall(head + b" " * 290_000)
            got = second.recv(1 << 16)
            assert got.startswith(b"HTTP/1.1 429")
            assert b"retry-after" in got.lower()
            # A small one finds room all the same.
            small = json.dumps(sums(max_tokens=1)).encode()
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as third:
                third.sendall(head.replace(b"300000", str(len(small)).encode()) + small)
                assert third.recv(1 << 16).startswith(b"HTTP/1.1 200")
        _wait_until_held(server, 0)

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b'{"messages": [{"role": "user", "content": "' + b"a " * 150_000 + b'"}]}', 200),
            (b'{"messages": [' + b'"a",' * 75_000 + b"1]}", 400),
            (b"x" * 300_000, 400),
            (b"{}" + b" " * 350_000, 413),
        ],
        ids=["right", "wrong", "no JSON", "too large"],
    )
    def test_what_is_held_is_given_back(
        self, make_client: MakeClient, body: bytes, status: int
    ) -> None:
        client = make_client(max_held_bytes=8_000_000, max_body_bytes=350_000)
        for _ in range(3):
            headers = {"content-type": "application/json"}
            reply = client.post("/v1/messages/count_tokens", content=body, headers=headers)
            assert reply.status_code == status

    def test_what_json_becomes_is_counted(self, make_client: MakeClient) -> None:
        """300 kB of empty lists are 7 MB."""
        client = make_client(max_held_bytes=4_000_000)
        body = b'{"messages": [' + b"[]," * 100_000 + b"1]}"
        headers = {"content-type": "application/json"}
        assert client.post(CHAT, content=body, headers=headers).status_code == 429
        text = b'{"content": "' + b"[]," * 60_000 + b'"}'
        assert client.post("/tokenize", content=text, headers=headers).status_code != 429


def _wait_until_held(server: LiveServer, num_bytes: int) -> None:
    (guard,) = [each for each in server.app.user_middleware if "bodies" in each.kwargs]
    made = guard.kwargs["bodies"]
    assert isinstance(made, Bodies)
    held = made._held._held
    wait_until(lambda: sum(held.values()) == num_bytes)


class TestOffTheLoop:
    def test_large_ones_are_read_and_checked_on_a_thread(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names: list[str] = []
        read, check = bodies.read_json, ModelField.validate

        def read_here(data: bytes) -> dict[str, Any]:
            names.append(threading.current_thread().name)
            return read(data)

        def check_here(self: ModelField, *arguments: Any, **named: Any) -> Any:
            names.append(threading.current_thread().name)
            return check(self, *arguments, **named)

        monkeypatch.setattr(bodies, "read_json", read_here)
        monkeypatch.setattr(ModelField, "validate", check_here)
        path, message = "/v1/messages/count_tokens", {"role": "user", "content": "a"}
        for size in (1, SMALL_BYTES):
            names.clear()
            message["content"] = "a" * size
            assert client.post(path, json={"messages": [message]}).status_code == 200
            # FastAPI comes to it once more, and finds that it is what it must be.
            assert [name == "gptoss-read" for name in names[:2]] == [size > 1] * 2

    def test_who_has_left_is_not_read_for(
        self, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of several who leave, those that wait are forgotten."""
        num_read, may_go = 0, threading.Event()

        def read_here(data: bytes) -> dict[str, Any]:
            nonlocal num_read
            num_read += 1
            may_go.wait(10)
            return {}

        monkeypatch.setattr(bodies, "read_json", read_here)
        server = make_server()
        body = b'{"messages": []}' + b" " * SMALL_BYTES
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        peers = []
        for _ in range(8):
            peer = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            peer.sendall(whole)
            peers.append(peer)
        readers = server.service.pools.readers
        wait_until(lambda: num_read == 2 and readers.num_waiting == 6)
        for peer in peers:
            peer.close()
        wait_until(lambda: readers.num_waiting == 0)
        may_go.set()
        assert num_read == 2


class TestErrorsEndAtTheFirst:
    @pytest.mark.parametrize("model", MODELS)
    def test_in_every_list_and_object(self, model: Any) -> None:
        """Those that take anything cannot have a wrong element."""
        many = [each for each in parts(model.__pydantic_core_schema__) if each["type"] in MANY]
        assert all(each.get("fail_fast") for each in many)

    @pytest.mark.parametrize(
        ("path", "field", "value"),
        [
            (CHAT, "messages", [1] * 200_000),
            (CHAT, "stop", [1] * 200_000),
            (CHAT, "logit_bias", {str(n): "" for n in range(100_000)}),
            ("/v1/responses", "input", [1] * 200_000),
            ("/v1/responses", "metadata", {str(n): 1 for n in range(100_000)}),
            ("/v1/responses", "include", [1] * 200_000),
            ("/v1/completions", "prompt", [{}] * 200_000),
            ("/v1/completions", "prompt", [[""]] * 200_000),
            ("/v1/messages", "messages", [1] * 200_000),
            ("/v1/messages", "tools", [1] * 200_000),
            ("/detokenize", "tokens", [""] * 200_000),
            ("/invocations", "messages", [1] * 200_000),
            ("/invocations", "prompt", [{}] * 200_000),
        ],
    )
    def test_and_is_told_in_a_line(
        self, client: TestClient, path: str, field: str, value: object
    ) -> None:
        said = [{"role": "user", "content": "x"}]
        whole = {"messages": said, "max_tokens": 1} if field not in ("input", "prompt") else {}
        reply = client.post(path, json={**whole, field: value})
        assert reply.status_code == 400
        message = reply.json()["error"]["message"]
        assert field in message
        assert len(message) < 1000

    def test_more_values_than_a_request_can_need(self, client: TestClient) -> None:
        body = b'{"messages": [' + b"1," * 1_200_000 + b"1]}"
        reply = client.post(CHAT, content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 400
        assert "more than 1,100,000 values" in reply.json()["error"]["message"]

    def test_commas_in_a_text_are_text(self, client: TestClient) -> None:
        message = {"role": "user", "content": "1,2;" * 600_000}
        reply = client.post("/v1/messages/count_tokens", json={"messages": [message]})
        assert reply.status_code == 200
