"""How the clients of a soak ask, and what became of their requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

Json = dict[str, Any]
Kind = Callable[["Traffic"], Awaitable[None]]
WORDS = ("alder", "birch", "cedar", "elder", "fir", "hazel", "ivy", "larch", "oak", "pine", "rowan")


class Lost(Exception):
    """A request that did not end as it must."""


@dataclass
class Traffic:
    """The clients, and what became of their requests.

    `keep_s`: real seconds for which the server keeps responses. `body_s`: real seconds that a body may take to arrive.
    `idle_s`: real seconds after which the server ends a connection that is not used.
    """

    http: httpx.AsyncClient
    keep_s: float
    body_s: float
    idle_s: float
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    requests: int = 0
    left: int = 0
    pings: int = 0
    expired: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    kept: deque[tuple[float, str]] = field(default_factory=deque)

    async def one(self, kinds: Mapping[Kind, float]) -> None:
        """A client of one of the kinds, from its first request to its last; their numbers say how often each comes."""
        (kind,) = self.draw.choices(list(kinds), list(kinds.values()))
        self.by_kind[kind.__name__] += 1
        try:
            await kind(self)
        except Exception as error:
            self.lost.append(f"{kind.__name__}: {error!r}"[:1000])
            print("  lost:", self.lost[-1], flush=True)

    async def ask(self, path: str, body: Json, status: int = 200) -> Json:
        """The reply to a body."""
        return await self.send("POST", path, status, json=body)

    async def send(self, method: str, path: str, status: int = 200, **more: Any) -> Json:
        """The reply, whatever it is sent as. Raises Lost for another status than that one."""
        self.requests += 1
        reply = await self.http.request(method, path, **more)
        self.by_status[reply.status_code] += 1
        if reply.status_code != status:
            raise Lost(f"{method} {path}: wanted {status}, got {reply.status_code} {reply.text}")
        if not reply.headers.get("content-type", "").startswith("application/json"):
            return {"text": reply.text}
        made: Json = reply.json()
        if status >= 400 and not made["error"]["message"]:
            raise Lost(f"{method} {path}: {status} without a message")
        return made

    async def events(
        self, path: str, body: Json | None = None, most: int | None = None
    ) -> list[Json]:
        """Those of a stream, until it ends; or so many, and then the client goes."""
        self.requests += 1
        found: list[Json] = []
        method = "GET" if body is None else "POST"
        async with self.http.stream(method, path, json=body) as reply:
            self.by_status[reply.status_code] += 1
            if reply.status_code != 200:
                text = (await reply.aread()).decode()
                raise Lost(f"{method} {path}: wanted a stream, got {reply.status_code} {text}")
            async with contextlib.aclosing(self._lines(reply)) as lines:
                async for line in lines:
                    found.append(json.loads(line) if line != "[DONE]" else {"type": "done"})
                    if most is not None and len(found) >= most:
                        self.left += 1
                        break
        return found

    async def _lines(self, reply: httpx.Response) -> AsyncGenerator[str, None]:
        async for line in reply.aiter_lines():
            if line.startswith(": ping"):
                self.pings += 1
            if line.startswith("data: "):
                yield line.removeprefix("data: ")

    def sum(self, **more: Any) -> Json:
        """A chat about a sum, with a short answer."""
        effort = self.draw.choice(["none", "low", "low", "medium"])
        return {
            "messages": [{"role": "user", "content": self.question()}],
            "max_tokens": self.draw.randint(8, 64),
            "reasoning_effort": effort,
            **more,
        }

    def question(self) -> str:
        return f"What is {self.draw.randint(0, 99999)} + {self.draw.randint(0, 99999)}?"

    def input(self, **more: Any) -> Json:
        """The same for the Responses API."""
        most = self.draw.randint(16, 64)
        return {"input": self.question(), "max_output_tokens": most, **more}

    def schema(self) -> Json:
        """One of very many."""
        names = self.draw.sample(WORDS, self.draw.randint(1, 3))
        kinds = [{"type": "integer"}, {"type": "boolean"}, {"enum": self.draw.sample(WORDS, 3)}]
        fields = {f"{name}_{self.draw.randint(0, 999)}": self.draw.choice(kinds) for name in names}
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection, for what a client of HTTP does not do."""
        where = urlsplit(str(self.http.base_url))
        return await asyncio.open_connection(where.hostname, where.port)


def check(is_right: object, what: str, found: object) -> None:
    """Raises Lost unless it is."""
    if not is_right:
        raise Lost(f"{what}: {found!r}")
