"""Gathers what the tests send to their servers: `python -m tests.net.gather FILE`, minutes.

Runs the server's tests with a plugin that writes each request and its reply down, with what the model wrote
for it. `python -m tests.net.sift FILE` then makes the cases of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.net import made

# More of a body is not kept: such requests are left out of the cases.
MOST_BODY = 20_000
_ARGUMENTS = [
    *("tests/server", "--ignore=tests/server/page", "-m", "not slow and not weights", "-q"),
    # Starlette is imported by then, and asserts nothing.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
]


@dataclass
class _Heard:
    """One request as it came in, and its reply."""

    test: str
    server: int
    settings: dict[str, Any]
    scope: dict[str, Any]
    body: bytearray = field(default_factory=bytearray)
    status: int | None = None
    reply: bytearray = field(default_factory=bytearray)
    model: dict[str, Any] | None = None
    turns: list[Callable[[], str]] = field(default_factory=list)

    def line(self) -> str:
        """As one line of JSON."""
        is_kept = len(self.body) <= MOST_BODY
        return json.dumps(
            {
                "test": self.test,
                "server": self.server,
                "settings": self.settings,
                "model": self.model,
                **self.scope,
                "body": self.body.decode("latin-1") if is_kept else None,
                "status": self.status,
                "reply": self.reply[:200_000].decode("latin-1"),
                "writes": [written() for written in self.turns],
            }
        )


class Gatherer:
    """A pytest plugin. Writes what was heard at the end of each test."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("w")
        self._test = ""
        self._heard: list[_Heard] = []
        self._servers = 0
        # Before any conftest is imported.
        made.watch(self._app, self._turn)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around one test."""
        self._test, self._heard = item.nodeid, []
        try:
            return (yield)
        finally:
            for heard in self._heard:
                self._out.write(heard.line() + "\n")
            self._out.flush()

    def pytest_unconfigure(self) -> None:
        """When all is done."""
        self._out.close()

    def _app(self, app: ASGIApp, service: made.Watched) -> ASGIApp:
        self._servers += 1
        number = self._servers

        async def listening(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            heard = _Heard(self._test, number, service.settings(), _scope_of(scope))
            heard.model = service.model()
            self._heard.append(heard)

            async def read() -> Message:
                message = await receive()
                if message["type"] == "http.request" and len(heard.body) <= MOST_BODY:
                    heard.body += message.get("body", b"")
                return message

            async def write(message: Message) -> None:
                if message["type"] == "http.response.start":
                    heard.status = message["status"]
                elif message["type"] == "http.response.body":
                    heard.reply += message.get("body", b"")
                await send(message)

            await app(scope, read, write)

        return listening

    def _turn(self, written: Callable[[], str]) -> None:
        # Turns begin on other threads; tests that ask for several at once are sorted out by hand.
        if self._heard:
            self._heard[-1].turns.append(written)


def _scope_of(scope: Scope) -> dict[str, Any]:
    raw = scope.get("raw_path") or scope["path"].encode()
    return {
        "method": scope["method"],
        "path": raw.split(b"?")[0].decode("latin-1"),
        "query": scope.get("query_string", b"").decode("latin-1"),
        "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in scope["headers"]],
    }


if __name__ == "__main__":
    sys.exit(pytest.main([*_ARGUMENTS, *sys.argv[2:]], plugins=[Gatherer(Path(sys.argv[1]))]))
