"""Servers of an OpenAI-compatible API, asked patiently: full queues and short faults are waited for."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gptoss.errors import AnswerError, shown

# Says nothing of the request: another try may be answered.
_FOR_A_WHILE = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
# Says that the server is well, and has no room.
_FULL = frozenset({429, 503, 529})
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LONGEST_WAIT_S = 60.0
_SHORTEST_WAIT_S = 0.25


class RefusedError(AnswerError):
    """A server understood a request, and refused it: asked again, it would again."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request is tried.

    tries    that may fail by the server's fault, such as a status of 500 or a cut connection
    full_s   seconds without any success at any server, while they say that they have no room or cannot be reached
    reply_s  seconds without a byte of a reply; long answers are written for minutes before the first
    """

    tries: int = 5
    full_s: float = 900.0
    reply_s: float = 3600.0


@dataclass(slots=True)
class _Server:
    """One of them, and what is known of it."""

    url: str
    num_open: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class _Failed(Exception):
    """A try that may be made again, and after how long."""

    reason: str
    is_full: bool
    wait_s: float | None = field(default=None)


class Servers:
    """One server, or several that answer alike. A request goes to the one that has the fewest open."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        key: str | None = None,
        patience: Patience | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Nothing is asked yet. `transport`: in the place of the network, such as an application in this process.

        Raises AnswerError for an address that is none.
        """
        self._servers = [_Server(_checked_url(url)) for url in urls]
        self._patience = patience or Patience()
        self._last_success = time.monotonic()
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(30.0, read=self._patience.reply_s, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            transport=transport,
        )

    async def __aenter__(self) -> Servers:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at a path beneath the API's root, such as `/models`. Raises as `post`."""
        return await self._patiently("GET", path, None)

    async def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Return the JSON object that answers a body, sent to a path such as `/chat/completions`.

        Raises RefusedError where it is refused, AnswerError where no server answers within the patience.
        """
        # Halves of surrogates, which no UTF-8 has, go as escapes.
        return await self._patiently("POST", path, json.dumps(body).encode())

    async def _patiently(self, method: str, path: str, data: bytes | None) -> dict[str, Any]:
        began, num_faults, wait_s = time.monotonic(), 0, _SHORTEST_WAIT_S
        while True:
            server = await self._next()
            server.num_open += 1
            try:
                found = await self._once(server, method, path, data)
            except _Failed as failed:
                num_faults += not failed.is_full
                _set_aside(server, failed, wait_s)
                self._require_patience(failed, began, num_faults)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                self._last_success = time.monotonic()
                return found
            finally:
                server.num_open -= 1

    async def _next(self) -> _Server:
        """The server to ask, once it is to be asked again."""
        while True:
            now = time.monotonic()
            ready = [server for server in self._servers if server.not_before <= now]
            if ready:
                return min(ready, key=lambda server: server.num_open)
            await asyncio.sleep(min(server.not_before for server in self._servers) - now)

    def _require_patience(self, failed: _Failed, began: float, num_faults: int) -> None:
        if num_faults >= self._patience.tries:
            raise AnswerError(
                f"{failed.reason}, {num_faults} times; see what the server says, and go on later"
            ) from None
        quiet_s = time.monotonic() - max(began, self._last_success)
        if failed.is_full and quiet_s > self._patience.full_s:
            raise AnswerError(
                f"{failed.reason}, and nothing else for {quiet_s:,.0f} s; start it, or give it less, and go on later"
            ) from None

    async def _once(
        self, server: _Server, method: str, path: str, data: bytes | None
    ) -> dict[str, Any]:
        url = f"{server.url}{path}"
        headers = {} if data is None else {"Content-Type": "application/json"}
        try:
            response = await self._client.request(method, url, content=data, headers=headers)
        except httpx2.ConnectError as error:
            raise _Failed(f"{server.url} cannot be reached: {error}", is_full=True) from None
        except (httpx2.TransportError, httpx2.StreamError) as error:
            said = str(error) or type(error).__name__
            raise _Failed(f"{server.url} did not answer: {said}", is_full=False) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise AnswerError(f"cannot ask {server.url}: {error}") from None
        return _read(server.url, response)


def _set_aside(server: _Server, failed: _Failed, wait_s: float) -> None:
    """Have nobody ask it for as long as it says, else for a part of `wait_s`, so that not all return at one moment."""
    own = wait_s * random.uniform(0.5, 1.0) if failed.wait_s is None else failed.wait_s
    server.not_before = max(server.not_before, time.monotonic() + own)


def _read(url: str, response: httpx2.Response) -> dict[str, Any]:
    """Return the object of a reply. Raises _Failed, RefusedError, or AnswerError for what is no reply of an API."""
    status = response.status_code
    if status in _FOR_A_WHILE:
        wait = response.headers.get("retry-after", "")
        wait_s = min(float(wait), _LONGEST_WAIT_S) if _SECONDS.fullmatch(wait) else None
        reason = f"{url} answers {status}{_message(response)[1]}"
        raise _Failed(reason, is_full=status in _FULL, wait_s=wait_s)
    if response.has_redirect_location:
        # A body that was meant for one address goes to no other.
        where = shown(response.headers["location"])
        raise AnswerError(
            f"{url} sends requests elsewhere ({status}), to {where}; name that address"
        )
    if not response.is_success:
        code, message = _message(response)
        raise RefusedError(status, code, f"{url} refuses the request ({status}){message}")
    found = _json(response)
    if not isinstance(found, dict):
        raise AnswerError(
            f"{url} answers {shown(response.text)}, wanted a JSON object; is it an OpenAI-compatible API?"
        )
    return found


def _json(response: httpx2.Response) -> object:
    """Return a reply's value; None for what is no JSON, or too deep."""
    try:
        found: object = response.json()
    except (ValueError, RecursionError):
        return None
    return found


def _message(response: httpx2.Response) -> tuple[str, str]:
    """Return the code of an error, and its message behind a colon, in whichever form a server has them."""
    body = _json(response)
    error = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, str):
        return "", f": {shown(error, 300)}"
    if not isinstance(error, dict):
        return "", ""
    code, message = error.get("code"), error.get("message") or error.get("detail")
    said = f": {shown(message, 300)}" if message else ""
    return code if isinstance(code, str) else "", said


def _checked_url(url: str) -> str:
    """Return the root of an API, which ends with `/v1` unless a path says otherwise."""
    try:
        # It knows brackets that are none, which the client takes for a name.
        urlsplit(url)
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise AnswerError(f"got the address {shown(url)}, which is none: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AnswerError(
            f"got the address {shown(url)}, wanted one such as http://127.0.0.1:8000/v1"
        )
    path = parsed.path.rstrip("/")
    return str(parsed.copy_with(path=path or "/v1", query=None, fragment=None)).rstrip("/")
