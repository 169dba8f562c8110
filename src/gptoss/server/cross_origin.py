"""Headers that let a page of an allowed origin read replies, refusals among them."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# Of replies, beside those that any page may read.
_EXPOSED = ("Allow", "Request-Id", "Retry-After", "WWW-Authenticate", "X-Request-Id")


class CrossOrigin:
    """Stands before what refuses, as a browser takes a refusal without these headers for a lost connection.

    Requests of other origins go on as they are: who may ask is decided behind it.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._cors = CORSMiddleware(
            app,
            allow_origins=sorted(origins),
            allow_methods=["*"],
            allow_headers=["*"],
            # A page from the internet may ask a server on this machine or in this network, if it is named.
            allow_private_network=True,
            expose_headers=_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        is_allowed = scope["type"] == "http" and Headers(scope=scope).get("origin") in self._origins
        await (self._cors if is_allowed else self._app)(scope, receive, send)
