"""Plays scenarios against a server in process, and writes down all that can be seen of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message

from tests.net import made
from tests.net.cases import Scenario, Sent
from tests.net.text import Shown

# 2033-05-18, noon: the same day in most time zones, and later than any machine's clock, so that nothing expires.
NOW = 2_000_030_400.0
SEED = 7
_MOST_S = 20.0
_HELD_S = 1.5
# What shows all that a server has done, and what limits all that it keeps: such scenarios have one of their own.
_COUNTS = "/metrics"
_LIMITS = {"store_bytes", "max_held_bytes"}


@dataclass
class Got:
    """A reply, its body as it was sent."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


@contextlib.contextmanager
def fixed() -> Iterator[None]:
    """Fix the clock, today's date with it, and the seeds that are drawn."""
    zone = {"TZ": "UTC"}
    with (
        mock.patch.dict(os.environ, zone),
        mock.patch.object(time, "time", return_value=NOW),
        mock.patch.object(secrets, "randbits", return_value=SEED),
    ):
        time.tzset()
        try:
            yield
        finally:
            os.environ.pop("TZ", None)
    time.tzset()


def played(scenarios: list[Scenario]) -> str:
    """All that is seen of some scenarios, as text."""
    with fixed():
        return asyncio.run(_played(scenarios))


def answer_of(sent: Sent) -> bytes:
    """The body of a reply of a server with the usual settings."""

    async def main() -> bytes:
        server = made.Server({}, {"name": "nano", "context": 4096})
        async with _alive(server.app):
            while not server.is_settled:
                await asyncio.sleep(0.001)
            return (await _answer(server.app, sent)).body

    with fixed():
        return asyncio.run(main())


async def _played(scenarios: list[Scenario]) -> str:
    servers: dict[str, made.Server] = {}
    async with contextlib.AsyncExitStack() as stack:

        async def server_of(scenario: Scenario) -> made.Server:
            key = json.dumps([scenario.settings, scenario.model])
            is_counting = any(sent.target.startswith(_COUNTS) for sent in scenario.sent)
            if key in servers and not is_counting and not _LIMITS & scenario.settings.keys():
                servers[key].renew_model()
                return servers[key]
            server = servers[key] = made.Server(scenario.settings, scenario.model)
            await stack.enter_async_context(_alive(server.app))
            stack.callback(server.close)
            while not server.is_settled:
                await asyncio.sleep(0.001)
            return server

        return "".join([await _scenario(each, await server_of(each)) for each in scenarios])


async def _scenario(scenario: Scenario, server: made.Server) -> str:
    shown = Shown()
    lines = [f"==== {scenario.name}\n"]
    if scenario.settings:
        lines.append(f"settings {json.dumps(scenario.settings)}\n")
    replies: list[str] = []
    for number, told in enumerate(scenario.sent):
        sent = told.with_references(replies)
        server.model.writes.clear()
        server.model.writes.extend(sent.writes)
        before = asyncio.all_tasks()
        got = await _answer(server.app, sent)
        if any(made.HOLD in text for text in sent.writes):
            # What it has written so far is read.
            await asyncio.sleep(_HELD_S)
        else:
            await _settle(before)
        replies.append(got.body.decode("latin-1"))
        begun = list(server.model.begun)
        server.model.begun.clear()
        lines.append(shown.exchange(number, told.method, told.target, begun, got))
    return "".join(lines)


@contextlib.asynccontextmanager
async def _alive(app: ASGIApp) -> AsyncIterator[None]:
    """The application between its start and its end."""
    told: asyncio.Queue[Message] = asyncio.Queue()
    heard: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await running


async def _answer(app: ASGIApp, sent: Sent) -> Got:
    path, _, query = sent.target.partition("?")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.headers]
    if sent.body:
        headers.append((b"content-length", str(len(sent.body)).encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "method": sent.method,
        "path": unquote_to_bytes(path.encode("latin-1")).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": headers,
        "state": {},
    }
    waiting: list[Message] = [{"type": "http.request", "body": sent.body, "more_body": False}]
    got = Got()

    async def receive() -> Message:
        if not waiting:
            # It waits for its reply.
            await asyncio.Event().wait()
        return waiting.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            got.status = message["status"]
            got.headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
        else:
            got.body += message.get("body", b"")

    # What fails is answered before it is raised.
    with contextlib.suppress(Exception):
        await asyncio.wait_for(app(scope, receive, send), _MOST_S)
    return got


async def _settle(before: set[asyncio.Task[Any]]) -> None:
    """Wait for what goes on after its reply, such as a response in the background."""
    latest = time.monotonic() + _MOST_S
    while asyncio.all_tasks() - before and time.monotonic() < latest:
        await asyncio.sleep(0.001)
