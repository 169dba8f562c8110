"""What stands before every route: names, origins, keys, and the size, time and form of bodies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gptoss.server.page import page_files
from gptoss.server.settings import LOOPBACK, ServerSettings
from gptoss.server.wire_errors import ApiError

# What says that the server is there, and nothing else. The page's own files come to them.
PUBLIC_PATHS = ("/health", "/ping")
# Deeper JSON is an attack, and would meet the interpreter's own limit.
MAX_JSON_DEPTH = 128
# How long what comes after a refusal is let pass.
_LINGER_S = 10.0
_BODY_METHODS = ("POST", "PUT", "PATCH")


class Guard:
    """Lets a request through, with its body read and found to be JSON, or answers it with an error."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings
        self._public = {*PUBLIC_PATHS, *(page_files() if settings.has_page else ())}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = _Upload(receive)
        try:
            self._check(scope)
            body = await self._body(scope, upload)
        except ApiError as error:
            # One that was too slow has had its time.
            end = send if error.status == 408 else _ends_after(upload, send)
            await error.response(scope)(scope, upload, end)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_origin(headers)
        is_preflight = scope["method"] == "OPTIONS" and bool(self._settings.origins)
        if scope["path"] not in self._public and not is_preflight:
            scope.setdefault("state", {})["owner"] = self._check_key(headers)

    def _check_host(self, headers: Headers) -> None:
        """Another name for this machine may be an attacker's, made to lead here."""
        settings = self._settings
        allowed = settings.hosts or (LOOPBACK if settings.is_local else ())
        host = _name(headers.get("host", ""))
        if allowed and host not in (*allowed, settings.host):
            raise ApiError(
                403, f"got the host {host!r}, wanted {', '.join(allowed)}; see --allow-host"
            )

    def _check_origin(self, headers: Headers) -> None:
        """A page of another origin must not use this server with the browser of somebody who can reach it."""
        origin = headers.get("origin")
        if origin is None or origin in self._settings.origins:
            return
        if urlsplit(origin).netloc != headers.get("host"):
            raise ApiError(
                403, f"got a request from the origin {origin[:200]!r}; see --allow-origin"
            )

    def _check_key(self, headers: Headers) -> str:
        """Whose key it is, as `owner_of` says it."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        key = bearer or headers.get("x-api-key") or headers.get("api-key")
        if not self._settings.keys.accept(key):
            wanted = "Authorization: Bearer KEY, or x-api-key: KEY"
            found = "no API key" if key is None else "an API key that is not known"
            raise ApiError(401, f"got {found}, wanted {wanted}", code="invalid_api_key")
        return self._settings.keys.owner_of(key)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] not in _BODY_METHODS:
            return b""
        headers = Headers(scope=scope)
        most = self._settings.max_body_bytes
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(self._settings.body_s):
                body = await _read(receive, most)
        except TimeoutError:
            raise ApiError(
                408, f"the body did not arrive within {self._settings.body_s:.0f} s"
            ) from None
        if body or headers.get("content-type"):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise ApiError(415, f"got the content type {kind!r}, wanted application/json")
        if body:
            _check_json(body)
        return body


class _Upload:
    """What the client sends, and whether that was all."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_over = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._is_over = not message.get("more_body", False)
        return message

    async def pass_by(self) -> None:
        """Take the rest of it, and keep nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while not self._is_over:
                    await self()


def _ends_after(upload: _Upload, send: Send) -> Send:
    """Sends all of a reply at once, and ends it when the upload has ended.

    A connection that is closed on somebody who still sends is reset, and the reply may be lost with it.
    """

    async def send_before(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await send({**message, "more_body": True})
            await upload.pass_by()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return send_before


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"got a body of more than {most:,} bytes, wanted at most that")


async def _read(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "the body ended early")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what else comes: that the client has gone."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return messages.pop() if messages else await receive()

    return read


def _check_json(body: bytes) -> None:
    """Raises ApiError for what parsers may read differently, or not at all."""

    def refuse(name: str) -> float:
        raise ValueError(f"{name} is no JSON")

    def finite(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"the number {text[:40]} is too large")
        return value

    def distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the key {twice[:100]!r} comes twice in one object")
        return found

    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, parse_constant=refuse, parse_float=finite, object_pairs_hook=distinct
        )
        # Lone surrogates are no text, and could not be written into a reply.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ApiError(
            400, "the body has a lone surrogate (\\ud800 to \\udfff) in a text"
        ) from None
    except UnicodeDecodeError as error:
        raise ApiError(400, f"the body is no UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ApiError(400, "the body is nested too deeply") from None
    except ValueError as error:
        raise ApiError(400, f"the body is no JSON: {error}") from None
    if _depth(value) > MAX_JSON_DEPTH:
        raise ApiError(400, f"the body is nested deeper than {MAX_JSON_DEPTH} levels")
    if not isinstance(value, dict):
        raise ApiError(400, f"got a body that is a JSON {type(value).__name__}, wanted an object")


def _depth(value: object) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        at, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(at, dict):
            waiting += [(each, depth + 1) for each in at.values()]
        elif isinstance(at, list):
            waiting += [(each, depth + 1) for each in at]
    return deepest


def _name(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
