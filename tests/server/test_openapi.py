"""The OpenAPI document: whether it is one, who may ask, which statuses come, and the limits of the open model."""

from __future__ import annotations

import asyncio
import errno
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from gptoss.errors import EngineError, QueueFullError
from gptoss.runtime import LoadedModel
from gptoss.server.app import create_app
from gptoss.server.files.store import FileStore, disk_error
from gptoss.server.guard import PUBLIC_PATHS
from gptoss.server.pool import FairPool
from gptoss.server.responses.store import ResponseStore
from gptoss.server.service import Service
from gptoss.server.settings import ServerSettings
from gptoss.tools.chosen import ChosenTools
from tests.server.conftest import KEY, KeptService, MakeClient, keys_of
from tests.server.documented import Documented

GOLDEN = Path(__file__).parents[1] / "golden" / "openapi" / "schema-3.1.json"
BEARER = {"Authorization": f"Bearer {KEY}"}
# A body that each route takes, with the smallest work.
BODIES: dict[str, dict[str, Any]] = {
    "/tokenize": {"content": "a"},
    "/detokenize": {"tokens": [1]},
    "/render": {"messages": [{"role": "user", "content": "a"}]},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
    "/v1/completions": {"prompt": "a", "max_tokens": 1},
    "/v1/responses": {"input": "a", "max_output_tokens": 1},
    "/v1/responses/input_tokens": {"input": "a"},
    "/v1/responses/render": {"input": "a"},
    "/v1/responses/{response_id}/cancel": {},
    "/v1/messages": {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": "a"}]},
    "/v1/containers": {"name": "a"},
    "/v1/containers/{container_id}/files": {"file_id": "file-none"},
    "/invocations": {"prompt": "a", "max_tokens": 1},
}
FORMS = {"/v1/files": {"files": {"file": ("a.txt", b"a")}, "data": {"purpose": "user_data"}}}


@pytest.fixture
def service(nano_model: LoadedModel) -> Service:
    """One that runs Python."""
    return KeptService(ServerSettings(tools=ChosenTools(has_python=True)), lambda: nano_model)


def given(method: str, path: str, **more: Any) -> dict[str, Any]:
    """What a request of a route has beside its path; `more`: fields of its JSON."""
    if method == "POST" and path in FORMS:
        return FORMS[path]
    return {"json": {**BODIES[path], **more} if path in BODIES and method == "POST" else None}


def filled(path: str, response_id: str = "resp_none") -> str:
    """A path with its parameters."""
    values = {"name": "nano", "response_id": response_id, "file_id": "file-none"}
    return path.format(**values, container_id="cntr_none")


def parts(value: object) -> Iterator[dict[str, Any]]:
    """Every object inside a value."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts(each)


class TestDocument:
    """As a document."""

    @pytest.mark.parametrize("keys", [(), (KEY,)])
    def test_it_is_openapi_3_1(self, make_client: MakeClient, keys: tuple[str, ...]) -> None:
        client = make_client(keys=keys_of(*keys))
        document = client.get("/openapi.json", headers=BEARER).json()
        whole = jsonschema_rs.validator_for(json.loads(GOLDEN.read_text()))
        assert [error.message for error in whole.iter_errors(document)] == []
        for schema in document["components"]["schemas"].values():
            jsonschema_rs.meta.validate(
                {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
            )
        for part in parts(document):
            at: Any = document
            for name in part.get("$ref", "#").split("/")[1:]:
                at = at[name]

    def test_everything_is_said_of_every_route(self, app: FastAPI) -> None:
        document = app.openapi()
        tags = {tag["name"] for tag in document["tags"]}
        ids = []
        for _, path, operation in Documented(document).operations():
            assert operation["description"], path
            assert set(operation["tags"]) <= tags, path
            ids.append(operation["operationId"])
        assert len(ids) == len(set(ids)) > 20

    def test_before_the_model_is_open_there_is_a_document_without_its_limits(
        self, nano_model: LoadedModel
    ) -> None:
        service = Service(ServerSettings(), lambda: nano_model)
        app = create_app(service)
        before = app.openapi()["components"]["schemas"]
        assert "maximum" not in before["DetokenizeRequest"]["properties"]["tokens"]["items"]
        service._model = nano_model
        after = app.openapi()["components"]["schemas"]
        tokens = after["DetokenizeRequest"]["properties"]["tokens"]["items"]
        assert tokens["maximum"] == nano_model.tokenizer.vocab_size - 1
        assert "nano" in after["ChatRequest"]["properties"]["model"]["enum"]
        assert app.openapi() is app.openapi()

    def test_no_name_is_that_of_two_schemas(self, app: FastAPI) -> None:
        """FastAPI would give both a longer one."""
        names = app.openapi()["components"]["schemas"]
        assert not [name for name in names if "__" in name or name.endswith(("-Input", "-Output"))]


class TestStatuses:
    """Each is provoked on each route: the document has those that come, and no others."""

    def test_keys(self, make_client: MakeClient) -> None:
        client = make_client(keys=keys_of(KEY))
        documented = Documented(client.get("/openapi.json", headers=BEARER).json())
        assert set(documented.document["components"]["securitySchemes"]) == {"bearer", "api_key"}
        for method, path, operation in documented.operations():
            reply = client.request(method, filled(path), **given(method, path))
            is_public = operation.get("security") == []
            assert (reply.status_code == 401) is ("401" in operation["responses"]) is not is_public
            documented.require(method, path, reply)
            for header in (BEARER, {"x-api-key": KEY}):
                reply = client.request(method, filled(path), **given(method, path), headers=header)
                assert reply.status_code != 401
                documented.require(method, path, reply)

    def test_without_keys_nobody_is_asked(self, app: FastAPI) -> None:
        document = app.openapi()
        assert "security" not in document
        for _, path, operation in Documented(document).operations():
            assert "401" not in operation["responses"], path
            assert "security" not in operation

    def test_hosts_and_bodies(self, make_client: MakeClient) -> None:
        client = make_client(max_body_bytes=2000)
        documented = Documented(client.app.openapi())
        broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
        wrong: dict[int, dict[str, Any]] = {
            403: {"headers": {"Host": "elsewhere.example"}},
            413: {"json": {"content": "a" * 3000}},
            415: {"content": b"a", "headers": {"Content-Type": "text/plain"}},
            400: broken,
        }
        for method, path, operation in documented.operations():
            for status, sent in wrong.items():
                reply = client.request(method, filled(path), **sent)
                documented.require(method, path, reply)
                if status == 403 and path in PUBLIC_PATHS:
                    assert reply.status_code == 200, path
                elif status == 403 or method == "POST":
                    assert reply.status_code == status, path
                elif status != 400:
                    assert str(status) not in operation["responses"], path

    def test_bodies_that_do_not_arrive(self, make_client: MakeClient) -> None:
        client = make_client(body_s=0.01)
        documented = Documented(client.app.openapi())
        for method, path, operation in documented.operations():
            status = asyncio.run(_status_without_body(client.app, method, filled(path)))
            assert (status == 408) is ("408" in operation["responses"]), path

    def test_a_server_that_ends(self, client: TestClient, service: Service) -> None:
        documented = Documented(client.app.openapi())
        service.is_draining = True
        self._provoke(client, documented, 503)

    def test_a_full_queue(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fail(monkeypatch, FairPool, "_submit", QueueFullError("there are too many"))
        self._provoke(client, Documented(client.app.openapi()), 429)

    def test_faults(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        documented = Documented(client.app.openapi())
        self._fail(monkeypatch, LoadedModel, "submit_all", EngineError("a wheel came off"))
        for name in ("response", "state", "context", "events", "inputs", "delete"):
            error = sqlite3.OperationalError("the disk is full")
            self._fail(monkeypatch, ResponseStore, name, error)
        for name in ("begin", "page", "find", "open", "delete"):
            error = sqlite3.OperationalError("the disk is full")
            self._fail(monkeypatch, FileStore, name, error)
        more = {"previous_response_id": "resp_none", "file_ids": ["file-none"]}
        self._provoke(client, documented, 500, **more)

    def test_a_full_disk(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        full = disk_error(OSError(errno.ENOSPC, "full"))
        for name in ("begin", "spool"):
            self._fail(monkeypatch, FileStore, name, full)
        documented = Documented(client.app.openapi())
        for method, path, operation in documented.operations():
            form, at = {"files": {"file": b"a"}}, path
            if method == "POST":
                container = client.post("/v1/containers", json={"name": "a"}).json()["id"]
                at = path.replace("{container_id}", container)
            reply = client.request(method, filled(at), **(form if method == "POST" else {}))
            documented.require(method, path, reply)
            assert (reply.status_code == 507) is ("507" in operation["responses"]), path

    def test_what_is_not_there(self, client: TestClient) -> None:
        documented = Documented(client.app.openapi())
        missing = {"previous_response_id": "resp_none", "file_ids": ["file-none"]}
        more = {"model": "another", **missing}
        self._provoke(client, documented, 404, **more)

    @staticmethod
    def _fail(patched: pytest.MonkeyPatch, kind: Any, name: str, error: Exception) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise error

        patched.setattr(kind, name, fail)

    @staticmethod
    def _provoke(client: TestClient, documented: Documented, status: int, **more: Any) -> None:
        """Those that the document says, and no others, answer so."""
        for method, path, operation in documented.operations():
            at = filled(path).replace("nano", "another" if status == 404 else "nano")
            reply = client.request(method, at, **given(method, path, **more))
            documented.require(method, path, reply)
            is_said = str(status) in operation["responses"]
            assert (reply.status_code == status) is is_said, (method, path, reply.text[:500])


async def _status_without_body(app: Any, method: str, path: str) -> int:
    """Of a request that promises a body and does not send it."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*headers, (b"content-length", b"10")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("localhost", 1),
        "root_path": "",
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await asyncio.wait_for(app(scope, receive, send), 10)
    return statuses[0]
