"""What never reaches a route: wrong bodies, hosts, origins and keys, and numbers out of range."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from gptoss.errors import ServerError
from gptoss.server.guard import PUBLIC_PATHS
from gptoss.server.page import docs_files, page_files
from gptoss.server.settings import Keys, ServerSettings
from tests.server.conftest import KEY, LiveServer, MakeClient, MakeServer, keys_of, sums

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def post(client: TestClient, body: bytes, path: str = CHAT) -> Any:
    return client.post(path, content=body, headers=JSON)


class TestBodies:
    """Proofs 1 to 7."""

    def test_over_the_cap(self, make_client: MakeClient) -> None:
        client = make_client(max_body_bytes=1000)
        reply = post(client, b"[" * 1001)
        assert reply.status_code == 413
        assert reply.json()["error"]["type"] == "invalid_request_error"
        assert post(client, json.dumps(sums()).encode()).status_code == 200

    def test_over_the_cap_without_a_length(self, make_client: MakeClient) -> None:
        client = make_client(max_body_bytes=1000)
        reply = client.post(CHAT, content=(b"[" * 100 for _ in range(20)), headers=JSON)
        assert reply.status_code == 413

    @pytest.mark.parametrize(
        "body",
        [
            b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
            b'{"messages": [{"role": "user", "content": "\xc3"}]}',
            b'{"messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
            rb'{"messages": [{"role": "user", "content": "\ud800"}]}',
            rb'{"\udfff": 1}',
            b'{"messages": [{"role": "user", "content": "\x00"}]}',
            b"\xef\xbb\xbf{}",
            '{"messages": []}'.encode("utf-16"),
            b'{"messages": [{"role": "user", "content": "12 + 34"}]',
            b'{"messages": []} {}',
            b'{"model": "nano", "model": "other"}',
            b'{"temperature": NaN}',
            b'{"temperature": Infinity}',
            b'{"temperature": -Infinity}',
            b'{"temperature": 1e999}',
            b'{"seed": ' + b"9" * 100_000 + b"}",
            b"'{}'",
            b"[]",
            b'"text"',
            b"17",
            b"null",
            b"true",
            b"[" * 10_000 + b"]" * 10_000,
            b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
            b'{"messages": ' + b"[" * 200 + b"]" * 200 + b"}",
            b"",
            b" ",
        ],
        ids=lambda body: repr(body[:40]),
    )
    def test_wrong(self, client: TestClient, body: bytes) -> None:
        reply = post(client, body)
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert len(error["message"]) < 1000

    def test_nul_in_a_text_is_text(self, client: TestClient) -> None:
        body = rb'{"messages": [{"role": "user", "content": "12\u0000 + 34"}], "max_tokens": 2}'
        assert post(client, body).status_code == 200

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
    def test_other_content_types(self, client: TestClient, kind: str) -> None:
        reply = client.post(CHAT, content=b"{}", headers={"content-type": kind})
        assert reply.status_code == 415

    def test_slow(self, make_server: MakeServer) -> None:
        server = make_server(body_s=0.3)
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.sendall(_head(server.port, b"content-length: 100\r\n") + b'{"mess')
            slow.settimeout(5)
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")

    @pytest.mark.parametrize(
        ("more", "body"),
        [
            (b"x-long: " + b"a" * 200_000 + b"\r\n", b""),
            (b"transfer-encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
            (b"content-length: -1\r\n", b""),
            (b"content-length: 2\r\ncontent-length: 3\r\n", b"{}"),
        ],
    )
    def test_wrong_framing(self, live_server: LiveServer, more: bytes, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", live_server.port)) as odd:
            odd.settimeout(5)
            try:
                odd.sendall(_head(live_server.port, more) + body)
                found = odd.recv(1000)
            except ConnectionError:
                found = b""
            assert found == b"" or found.startswith(b"HTTP/1.1 4")

    def test_pipelined(self, live_server: LiveServer) -> None:
        head = f"GET /health HTTP/1.1\r\nhost: 127.0.0.1:{live_server.port}\r\n".encode()
        with socket.create_connection(("127.0.0.1", live_server.port)) as many:
            many.settimeout(5)
            many.sendall((head + b"\r\n") * 9 + head + b"connection: close\r\n\r\n")
            found = b""
            while part := many.recv(65536):
                found += part
            assert found.count(b"HTTP/1.1 200") == 10


def _head(port: int, more: bytes) -> bytes:
    start = f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n".encode()
    return start + b"content-type: application/json\r\n" + more + b"\r\n"


class TestNumbers:
    """Proof 8: at the limit, past it, negative, and of another type."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"n": 17},
            {"n": 0},
            {"n": -1},
            {"n": True},
            {"n": 1.5},
            {"n": 10**30},
            {"n": "1"},
            {"max_tokens": 0},
            {"max_tokens": -1},
            {"max_tokens": True},
            {"max_tokens": 1.5},
            {"max_tokens": 10**30},
            {"max_completion_tokens": 0},
            {"max_completion_tokens": 10**30},
            {"logprobs": True, "top_logprobs": 21},
            {"logprobs": True, "top_logprobs": -1},
            {"logprobs": True, "top_logprobs": True},
            {"logprobs": True, "top_logprobs": 1.5},
            {"logprobs": 1},
            {"top_logprobs": 1},
            {"stop": ["a"] * 17},
            {"stop": ""},
            {"stop": [""]},
            {"stop": [1]},
            {"stop": True},
            {"logit_bias": {str(index): 1 for index in range(1025)}},
            {"logit_bias": {"-1": 1}},
            {"logit_bias": {"1.5": 1}},
            {"logit_bias": {"٣": 1}},
            {"logit_bias": {"999999999": 1}},
            {"logit_bias": {"1": 101}},
            {"logit_bias": {"1": "1"}},
            {"logit_bias": {"1": True}},
            {"logit_bias": [1]},
            {"tools": [{**TOOL, "function": {"name": f"f{i}"}} for i in range(257)]},
            {"tools": [TOOL, TOOL]},
            {"tools": True},
            {"temperature": -0.1},
            {"temperature": 2.1},
            {"temperature": True},
            {"temperature": "1"},
            {"top_p": 0},
            {"top_p": 1.1},
            {"top_k": -2},
            {"min_p": 2},
            {"frequency_penalty": 3},
            {"presence_penalty": -3},
            {"repetition_penalty": 0},
            {"seed": 1.5},
            {"seed": True},
            {"reasoning_tokens": -1},
            {"reasoning_effort": "huge"},
            {"stream": "yes"},
            {"stream": 1},
            {"messages": []},
            {"messages": [{"role": "user", "content": "12 + 34"}] * 4097},
            {"messages": ["text"]},
            {"messages": [{"role": "wizard", "content": "text"}]},
        ],
        ids=lambda fields: repr(fields)[:40],
    )
    def test_wrong(self, client: TestClient, fields: dict[str, Any]) -> None:
        reply = client.post(CHAT, json=sums(**{"max_tokens": 2, **fields}))
        assert reply.status_code == 400, reply.text[:500]
        assert len(reply.json()["error"]["message"]) < 1000

    @pytest.mark.parametrize(
        "fields",
        [
            {"n": 16},
            {"max_tokens": 1},
            {"max_tokens": 10_000_000},
            {"logprobs": True, "top_logprobs": 20},
            {"stop": ["a"] * 16},
            {"logit_bias": {str(index): 1 for index in range(1000)}},
            {"tools": [{**TOOL, "function": {"name": f"f{i}"}} for i in range(20)]},
            {"temperature": 2},
            {"temperature": 0},
            {"top_p": 1},
            {"seed": -1},
            {"seed": 2**63},
            {"messages": [{"role": "user", "content": "1"}] * 100},
        ],
        ids=lambda fields: repr(fields)[:40],
    )
    def test_at_the_limit(self, client: TestClient, fields: dict[str, Any]) -> None:
        reply = client.post(CHAT, json=sums(**{"max_tokens": 2, **fields}))
        assert reply.status_code == 200, reply.text[:500]


class TestKeys:
    """Proofs 35 and 36."""

    def test_every_route(self, make_client: MakeClient) -> None:
        client = make_client(keys=keys_of(KEY))
        routes = [
            (method, route.path)
            for route in _routes(client)
            for method in sorted(route.methods or ())
        ]
        assert len(routes) > 10
        for method, path in [*routes, ("GET", "/none"), ("POST", "/none"), ("OPTIONS", CHAT)]:
            filled = path.replace("{name:path}", "nano").replace("{", "").replace("}", "")
            reply = client.request(method, filled, headers=JSON)
            if path in {*PUBLIC_PATHS, *docs_files(), *page_files()}:
                assert reply.status_code in (200, 405), path
            else:
                assert reply.status_code == 401, (method, path)
                assert reply.headers["www-authenticate"] == "Bearer"
                if method != "HEAD":
                    assert reply.json()["error"]["type"] == "authentication_error"

    @pytest.mark.parametrize(
        "headers",
        [{"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY}],
    )
    def test_each_way_to_give_it(self, make_client: MakeClient, headers: dict[str, str]) -> None:
        client = make_client(keys=keys_of("sk-another-key-1234", KEY))
        assert client.get("/v1/models", headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "value",
        ["", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", KEY],
    )
    def test_wrong(self, make_client: MakeClient, value: str) -> None:
        client = make_client(keys=keys_of(KEY))
        assert client.get("/v1/models", headers={"authorization": value}).status_code == 401

    def test_said_nowhere(self, make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "gptoss")
        client = make_client(keys=keys_of(KEY), headers={"authorization": f"Bearer {KEY}"})
        texts = [
            client.get("/metrics").text,
            client.get("/openapi.json").text,
            client.post(CHAT, json={"messages": []}).text,
            client.get("/v1/models", headers={"authorization": f"Bearer {KEY}x"}).text,
            repr(client.app.state.service.settings),
            caplog.text,
        ]
        assert all(KEY not in text for text in texts)

    def test_from_a_file(self, tmp_path: Any) -> None:
        path = tmp_path / "keys"
        path.write_text(f"# of the tests\n\n{KEY}\n")
        keys = Keys.from_file(path)
        assert keys.accept(KEY)
        assert not keys.accept("# of the tests")
        assert not keys.accept(None)
        for text in ("short\n", "", "# nothing\n"):
            path.write_text(text)
            with pytest.raises(ServerError):
                Keys.from_file(path)
        with pytest.raises(ServerError):
            Keys.from_file(tmp_path / "none")


def _routes(client: TestClient) -> list[APIRoute]:
    return [route for route in client.app.routes if getattr(route, "methods", None)]  # type: ignore[attr-defined]


class TestWeb:
    """Proofs 37, 38 and 40."""

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.", ""]
    )
    def test_other_hosts(self, client: TestClient, host: str) -> None:
        reply = client.get("/v1/models", headers={"host": host})
        assert reply.status_code == 403
        assert "see --allow-host" in reply.json()["error"]["message"]

    @pytest.mark.parametrize(
        "host",
        [
            *("[::1]evil.example", "[::1", "::1", "localhost:1evil", "a@localhost"),
            *("localhost/x", "localhost#", "localhost,evil.example", " localhost x", "[::1]:8000x"),
        ],
    )
    def test_hosts_that_are_none(self, client: TestClient, host: str) -> None:
        assert client.get("/v1/models", headers={"host": host}).status_code == 400

    @pytest.mark.parametrize(
        "origin",
        [
            *(
                "http://[",
                "http://[::1",
                "http://]",
                "http://localhost@evil.example",
                "//localhost",
            ),
            *("http://", "", " ", "http://localhost/", "http://localhost:x", "ftp://localhost"),
        ],
    )
    def test_origins_that_are_none(self, client: TestClient, origin: str) -> None:
        assert client.get("/v1/models", headers={"origin": origin}).status_code == 403

    def test_replies_are_what_they_say(self, client: TestClient) -> None:
        for path in ("/health", "/v1/models", "/nothing", "/docs", "/metrics", "/"):
            assert client.get(path).headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("path", PUBLIC_PATHS)
    @pytest.mark.parametrize("host", ["10.1.2.3:8000", "pod.cluster.local", "", "a@b"])
    def test_probes_ask_under_any_name(self, client: TestClient, path: str, host: str) -> None:
        """But are not told more than that somebody is there."""
        headers = {"host": host, "origin": "https://evil.example"}
        assert client.get(path, headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            *("localhost", "LocalHost:8000", "127.0.0.1:1", "127.1.2.3", "[::1]:8000"),
            *("[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
        ],
    )
    def test_own_hosts(self, client: TestClient, host: str) -> None:
        assert client.get("/v1/models", headers={"host": host}).status_code == 200

    def test_hosts_that_are_allowed(self, make_client: MakeClient) -> None:
        """They come to the machine's own."""
        client = make_client(hosts=("Models.example",))
        for host in ("models.example:80", "localhost", "127.0.0.1:8000"):
            assert client.get("/v1/models", headers={"host": host}).status_code == 200
        assert client.get("/v1/models", headers={"host": "other.example"}).status_code == 403

    def test_hosts_beyond_this_machine(self, make_client: MakeClient) -> None:
        """The address at which a request comes in is the machine's own, and so are its names."""
        name = socket.gethostname()
        headers = {"authorization": f"Bearer {KEY}"}
        for listens_on in ("0.0.0.0", "::", "10.9.8.7"):
            client = make_client(host=listens_on, keys=keys_of(KEY), headers=headers)
            client.base_url = "http://10.9.8.7:8000"
            for host in (
                "10.9.8.7:8000",
                "localhost:8000",
                name,
                f"{name.partition('.')[0]}.local",
            ):
                assert client.get("/v1/models", headers={"host": host}).status_code == 200, host
            for host in ("10.9.8.6:8000", "evil.example", "", f"{name}.evil.example"):
                assert client.get("/v1/models", headers={"host": host}).status_code == 403, host

    def test_any_host(self, make_client: MakeClient) -> None:
        client = make_client(
            host="0.0.0.0",
            hosts=("*",),
            keys=keys_of(KEY),
            headers={"authorization": f"Bearer {KEY}"},
        )
        for host in ("evil.example", "10.0.0.1", ""):
            assert client.get("/v1/models", headers={"host": host}).status_code == 200
        assert client.get("/v1/models", headers={"host": "a@b"}).status_code == 400

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null"])
    @pytest.mark.parametrize("kind", ["application/json", "text/plain"])
    def test_other_origins(self, client: TestClient, origin: str, kind: str) -> None:
        headers = {"origin": origin, "content-type": kind}
        reply = client.post(CHAT, content=json.dumps(sums()), headers=headers)
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers

    def test_own_origin(self, client: TestClient) -> None:
        reply = client.post(CHAT, json=sums(max_tokens=1), headers={"origin": "http://localhost"})
        assert reply.status_code == 200

    def test_no_preflight(self, client: TestClient) -> None:
        headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        reply = client.options(CHAT, headers=headers)
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers

    def test_origins_that_are_allowed(self, make_client: MakeClient) -> None:
        page = "https://page.example"
        client = make_client(origins=(page,), keys=keys_of(KEY))
        asked = {"access-control-request-method": "POST", "origin": page}
        assert client.options(CHAT, headers=asked).status_code == 200
        headers = {"origin": page, "authorization": f"Bearer {KEY}"}
        reply = client.get("/v1/models", headers=headers)
        assert reply.headers["access-control-allow-origin"] == page
        assert client.get("/v1/models", headers={"origin": page}).status_code == 401
        other = client.get("/v1/models", headers={**headers, "origin": "https://evil.example"})
        assert other.status_code == 403

    @pytest.mark.parametrize(
        "host", ["0.0.0.0", "::", "192.168.1.1", "models.example", "127.models.example"]
    )
    def test_beyond_this_machine_only_with_a_key(self, host: str) -> None:
        with pytest.raises(ServerError, match="API key"):
            ServerSettings(host=host)
        assert ServerSettings(host=host, keys=keys_of(KEY)).host == host

    @pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST", "::1", "0::1", "127.1.2.3"])
    def test_this_machine_needs_none(self, host: str) -> None:
        assert ServerSettings(host=host).is_local

    @pytest.mark.parametrize(
        "name",
        [
            "../../etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "%2e%2e/%2e%2e/etc/passwd",
            "nano/../x",
            "%00",
        ],
    )
    def test_paths_in_names(self, client: TestClient, name: str) -> None:
        reply = client.get(f"/v1/models/{name}")
        assert reply.status_code == 404
        assert "root:" not in reply.text
        asked = client.post(CHAT, json=sums(model=name))
        assert asked.status_code == 404
        assert asked.json()["error"]["code"] == "model_not_found"
