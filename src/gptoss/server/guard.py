"""What stands before every route: names, origins, keys, whether there is a route, and the body."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gptoss.engine import EVERYBODY
from gptoss.errors import shown
from gptoss.server.bodies import Bodies, Body
from gptoss.server.hosts import Hosts, host_name, is_same_origin
from gptoss.server.lingering import Lingering, Upload
from gptoss.server.page import docs_files, page_files
from gptoss.server.settings import ServerSettings
from gptoss.server.uploads.route import UploadRoute, takes_form
from gptoss.server.wire_errors import ApiError

# What says that the server is there, and nothing else. The page's own files come to them.
PUBLIC_PATHS = ("/health", "/ping")
# How long what comes after a refusal is let pass, and for how many at once: longer would be a place that is held.
_LINGER_S = 2.0
_MOST_LINGERING = 64
_BODY_METHODS = ("POST", "PUT", "PATCH")


class Guard:
    """Lets a request through, with its body read and found to be JSON, or answers it with an error.

    Who asks, and whether there is such a route, is decided before anything of the body is read.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        bodies: Bodies,
        route_of: Callable[[Scope], BaseRoute | None],
    ) -> None:
        """`route_of`: what takes that path and method, if anything does."""
        self._app = app
        self._settings = settings
        self._bodies = bodies
        self._route_of = route_of
        self._lingering = Lingering(_MOST_LINGERING, _LINGER_S)
        self._hosts = Hosts(settings.host, settings.hosts)
        self._public = {*PUBLIC_PATHS, *docs_files(), *(page_files() if settings.has_page else ())}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = Upload(receive)
        state = scope.setdefault("state", {})
        async with contextlib.AsyncExitStack() as stack:
            try:
                state["owner"] = owner = self._owner(scope)
                body: Body | None = None
                has_body = scope["method"] in _BODY_METHODS
                route = self._route_of(scope) if has_body else None
                is_upload = isinstance(route, UploadRoute) and takes_form(scope)
                if route is not None and not is_upload:
                    taking = self._bodies.taken(scope, upload, owner)
                    state["body"] = body = await stack.enter_async_context(taking)
            except ApiError as error:
                # One that was too slow has had its time.
                end = send if error.status == 408 else self._lingering.ends_after(upload, send)
                await error.response(scope)(scope, upload, end)
                return
            if is_upload:
                # It reads for itself; what it refuses, it may not have read to its end.
                await self._app(scope, upload, self._lingering.ends_after(upload, send))
            elif body is not None:
                # FastAPI looks whether there is a body; what is in it, BodyRoute gives it.
                rest = _replayed(b"" if body.is_empty else b"{}", upload)
                await self._app(scope, rest, send)
            else:
                # There is no such route, or none that reads: the reply is short, and the upload has no readers.
                end = self._lingering.ends_after(upload, send) if has_body else send
                await self._app(scope, _replayed(b"", upload), end)

    def _owner(self, scope: Scope) -> str:
        """Whose the request is. Raises ApiError for one that may not be made."""
        headers = Headers(scope=scope)
        if scope["path"] in PUBLIC_PATHS:
            # Probes ask under any name, and are told nothing.
            return EVERYBODY
        self._check_host(headers, scope.get("server"))
        self._check_origin(headers)
        is_preflight = scope["method"] == "OPTIONS" and bool(self._settings.origins)
        if scope["path"] in self._public or is_preflight:
            return EVERYBODY
        return self._check_key(headers)

    def _check_host(self, headers: Headers, server: tuple[str, int | None] | None) -> None:
        """Raises ApiError for a name that is not this machine's, nor the operator's."""
        host = headers.get("host", "")
        name = host_name(host)
        if name is None and host:
            raise ApiError(400, f"got the host {shown(host)}, wanted a name or an address")
        if not self._hosts.allow(name or "", server and server[0]):
            told = f"got the host {shown(host)}, wanted {self._hosts.wanted}; see --allow-host"
            raise ApiError(403, told)

    def _check_origin(self, headers: Headers) -> None:
        """A page of another origin must not use this server with the browser of somebody who can reach it."""
        origin = headers.get("origin")
        if origin is None or origin in self._settings.origins:
            return
        if not is_same_origin(origin, headers.get("host", "")):
            raise ApiError(
                403,
                f"got a request from the origin {shown(origin)}; see --allow-origin",
                code="origin_not_allowed",
            )

    def _check_key(self, headers: Headers) -> str:
        """Whose key it is, as `owner_of` says it."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        key = bearer or headers.get("x-api-key") or headers.get("api-key")
        if not self._settings.keys.accept(key):
            wanted = "Authorization: Bearer KEY, or x-api-key: KEY"
            found = "no API key" if key is None else "an API key that is not known"
            raise ApiError(401, f"got {found}, wanted {wanted}")
        return self._settings.keys.owner_of(key)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body, then what else comes: that the client has gone."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return messages.pop() if messages else await receive()

    return read
