"""Errors that programs act on: status, type, code, field and headers of each kind, on every route."""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple, get_args

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from gptoss.errors import (
    ContextLengthError,
    EngineError,
    MessageError,
    QueueFullError,
    RequestError,
    SchemaError,
)
from gptoss.server.error_codes import CODE_BY_STATUS, ErrorCode
from gptoss.server.service import Service
from gptoss.server.transport.refusals import Refusal
from gptoss.server.wire_errors import ANTHROPIC_PATH, api_error
from tests.server.conftest import KEY, MakeClient, keys_of, sums

CHAT, COMPLETIONS, RESPONSES, MESSAGES = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    ANTHROPIC_PATH,
)
JSON = {"content-type": "application/json"}
ORIGIN = "http://localhost:3000"
USER = {"role": "user", "content": "12 + 34"}
LONG = "word " * 5000
BAD = "invalid_request_error"


class Row(NamedTuple):
    """A request with one fault, and what is answered."""

    path: str
    body: Any
    status: int
    code: ErrorCode
    param: str | None = None
    method: str = "POST"
    kind: str = BAD


ROWS = (
    # Fields, by what is wrong with them.
    Row(CHAT, {}, 400, "missing_required_parameter", "messages"),
    Row(CHAT, {"messages": [{}]}, 400, "invalid_value", "messages.0.role"),
    Row(
        CHAT,
        {"messages": [{"role": "user"}]},
        400,
        "missing_required_parameter",
        "messages.0.content",
    ),
    Row(CHAT, {"messages": "hi"}, 400, "invalid_type", "messages"),
    Row(CHAT, {"messages": [7]}, 400, "invalid_type", "messages.0"),
    Row(CHAT, {"messages": []}, 400, "array_below_min_length", "messages"),
    Row(CHAT, sums(temperature=9), 400, "integer_above_max_value", "temperature"),
    Row(CHAT, sums(temperature=2.5), 400, "decimal_above_max_value", "temperature"),
    Row(CHAT, sums(top_p=-0.5), 400, "decimal_below_min_value", "top_p"),
    Row(CHAT, sums(max_tokens=-1), 400, "integer_below_min_value", "max_tokens"),
    Row(CHAT, sums(max_tokens="7"), 400, "invalid_type", "max_tokens"),
    Row(CHAT, sums(stop=["a"] * 65), 400, "array_above_max_length", "stop"),
    Row(CHAT, sums(reasoning_effort="a lot"), 400, "invalid_value", "reasoning_effort"),
    Row(CHAT, sums(audio={"voice": "x"}), 400, "unsupported_parameter", "audio"),
    Row(CHAT, sums(model="gpt-9"), 404, "model_not_found", "model", kind="not_found_error"),
    Row(
        RESPONSES,
        {"input": USER["content"], "temperature": "hot"},
        400,
        "invalid_type",
        "temperature",
    ),
    Row(COMPLETIONS, {"prompt": "a", "n": 0}, 400, "integer_below_min_value", "n"),
    # What fits no context, in every API.
    Row(CHAT, {"messages": [{**USER, "content": LONG}]}, 400, "context_length_exceeded"),
    Row(RESPONSES, {"input": LONG}, 400, "context_length_exceeded"),
    Row(COMPLETIONS, {"prompt": LONG}, 400, "context_length_exceeded"),
    # Schemas and conversations.
    Row(
        CHAT,
        sums(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "a", "strict": True, "schema": {"type": "nothing"}},
            }
        ),
        400,
        "invalid_json_schema",
    ),
    # The store.
    Row("/v1/responses/resp_0", None, 404, "response_not_found", None, "GET", "not_found_error"),
    Row(
        RESPONSES,
        {"input": "a", "previous_response_id": "resp_0"},
        404,
        "previous_response_not_found",
        "previous_response_id",
        kind="not_found_error",
    ),
    Row(
        RESPONSES,
        {"input": [{"type": "item_reference", "id": "msg_0"}]},
        404,
        "item_not_found",
        "input.0",
        kind="not_found_error",
    ),
    # Files.
    Row("/v1/files/file-0", None, 404, "file_not_found", None, "GET", "not_found_error"),
    Row("/v1/files?after=file-0", None, 400, "invalid_value", "after", "GET"),
    # Addresses.
    Row("/v1/embeddings", {}, 404, "unknown_url", kind="not_found_error"),
    Row("/chat/completions", sums(), 404, "unknown_url", kind="not_found_error"),
    Row(CHAT, None, 405, "method_not_allowed", None, "GET"),
    Row("/v1/models/gpt-9", None, 404, "model_not_found", None, "GET", "not_found_error"),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.path}-{row.code}")
def test_each_fault_has_its_code(make_client: MakeClient, row: Row) -> None:
    reply = make_client().request(row.method, row.path, json=row.body)
    error = reply.json()["error"]
    found = (reply.status_code, error["type"], error["code"], error["param"])
    assert found == (row.status, row.kind, row.code, row.param), error["message"]


@pytest.mark.parametrize(
    "path", ["/v1/files", "/v1/containers", "/v1/responses/resp_0/input_items"]
)
def test_numbers_of_a_query_are_whole(make_client: MakeClient, path: str) -> None:
    """In a query all is text: it was told as a decimal."""
    client = make_client()
    for given, code in (("0", "integer_below_min_value"), ("101001", "integer_above_max_value")):
        error = client.get(f"{path}?limit={given}").json()["error"]
        assert (error["code"], error["param"]) == (code, "query.limit")


def test_clients_that_read_the_message_see_a_long_prompt_too(make_client: MakeClient) -> None:
    client = make_client()
    long = [{"role": "user", "content": LONG}]
    for path in (CHAT, MESSAGES):
        reply = client.post(path, json={"messages": long, "max_tokens": 9, "model": "nano"})
        told = reply.json()["error"]["message"]
        assert told.startswith("prompt is too long: more than 4096 tokens > 4096 maximum; ")
        assert "this model's maximum context length is 4096 tokens" in told


def _faults(path: str) -> dict[str, tuple[dict[str, Any], int, ErrorCode]]:
    """Requests that are refused before their route is asked, whichever that is."""
    data = {"content": b'{"a": ' + b" " * 2000 + b"1}", "headers": JSON}
    return {
        "no key": ({"headers": {"authorization": ""}}, 401, "invalid_api_key"),
        "a wrong key": ({"headers": {"authorization": "Bearer x"}}, 401, "invalid_api_key"),
        "another host": ({"headers": {"host": "evil.example"}}, 403, "host_not_allowed"),
        "another origin": ({"headers": {"origin": "http://a.b"}}, 403, "origin_not_allowed"),
        "no JSON": ({"content": b"{", "headers": JSON}, 400, "invalid_json"),
        "a key twice": ({"content": b'{"a":1,"a":1}', "headers": JSON}, 400, "invalid_json"),
        "a list": ({"content": b"[]", "headers": JSON}, 400, "invalid_json"),
        "another type": (
            {"content": b"a", "headers": {"content-type": "text/plain"}},
            415,
            "unsupported_media_type",
        ),
        "another encoding": (
            {"content": b"a", "headers": {**JSON, "content-encoding": "gzip"}},
            415,
            "unsupported_content_encoding",
        ),
        "too much": (data, 413, "request_too_large"),
    }


def _check(client: TestClient, method: str, path: str, name: str) -> None:
    request, status, code = _faults(path)[name]
    headers = {"origin": ORIGIN, **request.get("headers", {})}
    reply = client.request(method, path, **{**request, "headers": headers})
    error = reply.json()["error"]
    assert reply.status_code == status, (path, name, error)
    if path.startswith(ANTHROPIC_PATH):
        assert reply.json()["request_id"] == reply.headers["request-id"]
    else:
        assert error["code"] == code
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert ("www-authenticate" in reply.headers) == (status == 401)
    # A page of an origin that is allowed can read why; one of another cannot.
    allowed = headers["origin"] == ORIGIN
    assert (reply.headers.get("access-control-allow-origin") == ORIGIN) == allowed
    exposed = reply.headers.get("access-control-expose-headers", "").lower().split(", ")
    assert ({"retry-after", "x-request-id", "request-id"} <= set(exposed)) == allowed


def test_every_route_refuses_alike(make_client: MakeClient) -> None:
    client = make_client(
        keys=keys_of(KEY),
        headers={"authorization": f"Bearer {KEY}"},
        hosts=("localhost",),
        origins=(ORIGIN,),
        max_body_bytes=1000,
    )
    routes = [each for each in client.app.routes if isinstance(each, APIRoute)]  # type: ignore[attr-defined]
    posts = sorted(each.path for each in routes if "POST" in each.methods)
    assert len(posts) >= 10
    for path in posts:
        for name in _faults(path):
            _check(client, "POST", path.replace("{response_id}", "resp_0"), name)
    for name in ("no key", "another host", "another origin"):
        _check(client, "GET", "/v1/models", name)


def test_a_fault_of_ours_can_be_read_as_well(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    client = make_client(origins=(ORIGIN,))
    monkeypatch.setattr(Service, "names", property(fail))
    with caplog.at_level(logging.ERROR, "gptoss.server"):
        reply = client.get("/v1/models", headers={"origin": ORIGIN})
    assert reply.status_code == 500
    assert reply.json()["error"] == {
        "message": "the server failed: ZeroDivisionError",
        "type": "server_error",
        "param": None,
        "code": "server_error",
    }
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["x-request-id"].startswith("req_")
    assert "secret" in caplog.text


def test_a_page_asks_before_it_sends(make_client: MakeClient) -> None:
    client = make_client(origins=(ORIGIN,), keys=keys_of(KEY))
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type, x-stainless-os",
        "access-control-request-private-network": "true",
    }
    reply = client.options(CHAT, headers={**asked, "origin": ORIGIN})
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-private-network"] == "true"
    refused = client.options(CHAT, headers={**asked, "origin": "http://evil.example"})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert refused.json()["error"]["code"] == "origin_not_allowed"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ContextLengthError(9, 8), 400, "context_length_exceeded"),
        (SchemaError("s"), 400, "invalid_json_schema"),
        (MessageError("m"), 400, "invalid_prompt"),
        (RequestError("r"), 400, "invalid_value"),
        (QueueFullError("q"), 429, "queue_full"),
        (EngineError("e"), 500, "server_error"),
        (ZeroDivisionError("z"), 500, "server_error"),
    ],
)
def test_errors_of_the_package(error: Exception, status: int, code: ErrorCode) -> None:
    made = api_error(error)
    assert (made.status, made.code) == (status, code)


def test_no_code_is_left_out() -> None:
    """Each is in a table here, or, where it takes more than a request, in a test that has its name."""
    told = {row.code for row in ROWS} | {code for _, _, code in _faults(CHAT).values()}
    elsewhere: set[ErrorCode] = {
        "container_not_found",
        "duplicate_item",
        "invalid_encrypted_content",
        "invalid_http",
        "invalid_multipart",
        "invalid_prompt",
        "queue_full",
        "request_timeout",
        "server_error",
        "server_not_ready",
        "storage_full",
        "string_above_max_length",
        "string_below_min_length",
        "unknown_parameter",
    }
    assert told | elsewhere == set(get_args(ErrorCode))
    assert set(CODE_BY_STATUS.values()) <= set(get_args(ErrorCode))


@pytest.mark.parametrize("status", [400, 408, 417, 431, 503])
def test_no_request_has_a_code_as_well(status: int) -> None:
    head, _, body = Refusal(status, "a line").reply().partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["code"] in get_args(ErrorCode)
    assert b"Content-Type: application/json" in head


def test_an_unknown_address_says_what_was_asked(make_client: MakeClient) -> None:
    client = make_client()
    told = client.post("/chat/completions", json=sums()).json()["error"]["message"]
    assert told.startswith("got POST '/chat/completions', and there is no such route; /docs shows")
    reply = client.put(CHAT, json={})
    assert reply.json()["error"]["message"] == f"got PUT '{CHAT}', wanted POST there"
    assert reply.headers["allow"] == "POST"
