"""Bodies of requests: how they arrive, what they may take, and the JSON in them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from gptoss.errors import shown
from gptoss.files.json_text import num_values, parse_object
from gptoss.server.caller import unless_gone
from gptoss.server.held import SMALL_BYTES, HeldBytes
from gptoss.server.pool import FairPool, IsGone
from gptoss.server.settings import ServerSettings
from gptoss.server.wire_errors import ApiError

# Deeper JSON is an attack, and would meet the interpreter's own limit.
MAX_JSON_DEPTH = 128
# Of one body: a little more than the most token ids that a request may have.
MAX_JSON_VALUES = 1_100_000
# Of memory, that an empty object or a short text takes.
VALUE_BYTES = 72
# So many cost nothing to speak of, and need not be told from commas in a text.
_FEW_VALUES = 10_000
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_Checked = TypeVar("_Checked")


class Body:
    """The JSON object in a body that is there, until it is checked."""

    def __init__(self, value: Any, *, is_large: bool, run: Run) -> None:
        """`run` does work on a thread, for as long as the client is there."""
        self._value = value
        self._is_large = is_large
        self._run = run

    @property
    def is_empty(self) -> bool:
        """Whether nothing was sent."""
        return self._value is None

    def take(self) -> Any:
        """Return the JSON, which is not kept here any longer."""
        value, self._value = self._value, None
        return value

    async def check(self, check: Callable[[Any], _Checked], value: Any) -> _Checked:
        """Return what a check makes of the JSON; on a thread if that may take long.

        Raises what the check does, and ApiError when the client has gone.
        """
        return await self._run(lambda _: check(value)) if self._is_large else check(value)


class Run(Protocol):
    """Does some work elsewhere."""

    async def __call__(self, work: Callable[[IsGone], _Checked]) -> _Checked:
        """Return its result."""
        ...


class Bodies:
    """Takes the bodies of one server's requests, within their limits. Its methods belong to the event loop."""

    def __init__(self, settings: ServerSettings, pool: FairPool, held: HeldBytes) -> None:
        """`held` counts what is in them, `pool` has the threads that read large ones."""
        self._settings = settings
        self._pool = pool
        self._held = held

    @asynccontextmanager
    async def taken(self, scope: Scope, receive: Receive, owner: str) -> AsyncIterator[Body]:
        """A request's body, for as long as the request lasts.

        Raises ApiError for one that is too large, slow or wrong.
        """
        headers = Headers(scope=scope)
        self._check_head(headers)
        held = _Held(self._held, owner)

        async def run(work: Callable[[IsGone], _Checked]) -> _Checked:
            return await unless_gone(receive, self._pool.run(owner, work))

        try:
            try:
                async with asyncio.timeout(self._settings.body_s):
                    data = await self._read(receive, held)
            except TimeoutError:
                raise ApiError(
                    408, f"the body did not arrive within {self._settings.body_s:.0f} s"
                ) from None
            yield await self._body(headers, data, held, run)
        finally:
            held.give_back()

    def _check_head(self, headers: Headers) -> None:
        """What can be said before a byte of it is read."""
        length = headers.get("content-length", "")
        if length.isdigit() and (len(length) > 15 or int(length) > self._settings.max_body_bytes):
            raise self._too_large()
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            told = f"got a body in the encoding {shown(encoding)}, wanted it as it is"
            raise ApiError(415, told, code="unsupported_content_encoding")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        # One without a length may turn out to be empty.
        if (length.strip("0") or kind) and kind != "application/json":
            raise ApiError(415, f"got the content type {shown(kind)}, wanted application/json")

    async def _read(self, receive: Receive, held: _Held) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError(400, "the body ended early")
            part = message.get("body", b"")
            size += len(part)
            if size > self._settings.max_body_bytes:
                raise self._too_large()
            held.grow(size)
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    async def _body(self, headers: Headers, data: bytes, held: _Held, run: Run) -> Body:
        if not data:
            return Body(None, is_large=False, run=run)
        if headers.get("content-type") is None:
            raise ApiError(415, "got no content type, wanted application/json")
        # On the event loop: it takes a millisecond or two.
        if len(data) <= SMALL_BYTES:
            return Body(read_json(data), is_large=False, run=run)
        # What it becomes takes more than what was sent.
        held.grow(len(data) + VALUE_BYTES * await run(lambda _: num_values(data, _FEW_VALUES)))
        return Body(await run(lambda _: read_json(data)), is_large=True, run=run)

    def _too_large(self) -> ApiError:
        most = self._settings.max_body_bytes
        return ApiError(413, f"got a body of more than {most:,} bytes, wanted at most that")


class _Held:
    """Counts what one request has of the bytes that all may hold: those beyond a small body."""

    def __init__(self, all_held: HeldBytes, owner: str) -> None:
        self._all = all_held
        self._owner = owner
        self._num_bytes = 0

    def grow(self, size: int) -> None:
        more = size - SMALL_BYTES - self._num_bytes
        if more > 0:
            self._all.take(self._owner, more)
            self._num_bytes += more

    def give_back(self) -> None:
        self._all.give_back(self._owner, self._num_bytes)
        self._num_bytes = 0


def read_json(data: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises ApiError for what parsers may read differently, or not at all."""
    try:
        value = parse_object(data, most_values=MAX_JSON_VALUES, most_levels=MAX_JSON_DEPTH)
    except ValueError as error:
        told = f"the body is not a JSON object as it must be: {error}"
        raise ApiError(400, told, code="invalid_json") from None
    if _SURROGATE.search(data) is not None and _has_lone_surrogate(value):
        # They are no text, and could not be written into a reply.
        told = "the body has a lone surrogate (\\ud800 to \\udfff) in a text"
        raise ApiError(400, told, code="invalid_json")
    return value


def _has_lone_surrogate(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    while level:
        texts = (each for each in level if isinstance(each, str))
        if any(not text.isascii() and _LONE.search(text) for text in texts):
            return True
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in ((*each, *each.values()) if isinstance(each, dict) else each)
        ]
    return False


_LONE = re.compile("[\ud800-\udfff]")
