"""Every path with every method and every credential: who has no key learns nothing, and nothing fails."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from gptoss.runtime import LoadedModel
from gptoss.server.app import create_app
from gptoss.server.guard import PUBLIC_PATHS
from gptoss.server.page import docs_files, page_files
from gptoss.server.settings import ServerSettings
from tests.server.conftest import KEY, KeptService, keys_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get")
RIGHT = (
    ("authorization", f"Bearer {KEY}"),
    ("authorization", f"bearer  {KEY} "),
    ("x-api-key", KEY),
    ("api-key", KEY),
)
WRONG = (
    None,
    ("authorization", f"Basic {KEY}"),
    ("authorization", "Bearer "),
    ("authorization", KEY),
    ("x-api-key", KEY[:-1]),
    ("api-key", f"{KEY}x"),
    ("x-api-key", "é" * 30),
    ("cookie", f"key={KEY}"),
)
ODD = (
    *(
        "",
        "//",
        "/.",
        "/..",
        "/../health",
        "/health/",
        "/health/.",
        "//health",
        "/HEALTH",
        "/%68ealth",
    ),
    *(
        "/health%00",
        "/health%2f",
        "/health;x",
        "/health?x",
        "/v1",
        "/v1/",
        "/v1//models",
        "/v1/models/",
    ),
    *("/v1/models/../../health", "/v1/models/%2e%2e", "/v1/models/nano", "/assets", "/assets/"),
    *(
        "/assets/../index.html",
        "/static/index.html",
        "/index.html",
        "/favicon.ico",
        "/.env",
        "/.git",
    ),
    *(
        "/v1/files",
        "/v1/batches",
        "/admin",
        "/metrics/",
        "/openapi.json/",
        "/docs/x",
        "/é",
        "/\x7f",
    ),
)


async def status_of(
    app: FastAPI, method: str, path: str, credential: tuple[str, str] | None
) -> int:
    """What a request is answered with, by the application alone."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    headers += [(b"content-length", b"2")]
    if credential is not None:
        headers.append((credential[0].encode(), credential[1].encode()))
    bare, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "method": method,
        "path": unquote_to_bytes(bare).decode("utf-8", "replace"),
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    sent: list[Any] = [{"type": "http.request", "body": b"{}", "more_body": False}]
    statuses: list[int] = []

    async def receive() -> Any:
        if not sent:
            # It waits for its reply.
            await asyncio.Event().wait()
        return sent.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    (status,) = statuses
    return status


@pytest.fixture(scope="module")
def app(nano_model: LoadedModel) -> FastAPI:
    service = KeptService(ServerSettings(keys=keys_of(KEY)), lambda: nano_model)
    service._model = nano_model
    return create_app(service)


@pytest.fixture(scope="module")
def paths(app: FastAPI) -> list[str]:
    routes = {route.path for route in app.routes if isinstance(route, APIRoute)}
    return [*sorted(routes - {*page_files()}), *page_files(), *ODD]


def test_without_a_key_nothing_but_public_paths_answers(app: FastAPI, paths: list[str]) -> None:
    async def main() -> Counter[int]:
        found: Counter[int] = Counter()
        public = {*PUBLIC_PATHS, *docs_files(), *page_files()}
        for path, method, credential in itertools.product(paths, METHODS, WRONG):
            status = await status_of(app, method, path, credential)
            bare = unquote_to_bytes(path.partition("?")[0]).decode("utf-8", "replace")
            if bare in public:
                assert status in ((200,) if method in ("GET", "HEAD") else (405,)) or (
                    method == "HEAD" and bare in PUBLIC_PATHS and status == 405
                ), (method, path, status)
            else:
                # Whether there is such a path is not told.
                assert status == 401, (method, path, credential, status)
            found[status] += 1
        return found

    found = asyncio.run(main())
    assert found.total() > 4000


def test_with_a_key_nothing_fails(app: FastAPI, paths: list[str]) -> None:
    async def main() -> Counter[int]:
        found: Counter[int] = Counter()
        for path, method, credential in itertools.product(paths, METHODS, RIGHT):
            status = await status_of(app, method, path, credential)
            # 307: the same path without the slash at its end. 415: of a path that takes forms.
            assert status in (200, 307, 400, 404, 405, 415), (method, path, status)
            found[status] += 1
        return found

    found = asyncio.run(main())
    assert found.total() > 2000
    assert min(found[200], found[400], found[404], found[405]) > 20
