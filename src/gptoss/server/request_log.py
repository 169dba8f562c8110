"""Gives every request an id and every reply the headers that all have, counts and logs how it ended.

Neither what was asked nor who asked is logged.
"""

from __future__ import annotations

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gptoss.server.metrics import Metrics
from gptoss.server.shared.ids import new_id

_LOG = logging.getLogger("gptoss.server")
# As ids are; with a space or an equals sign in it, one could be read as other fields of the line.
_ID = re.compile(r"[A-Za-z0-9._:/+~@-]{1,100}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))


class RequestLog:
    """Stands before everything else, so that what is refused is logged as well."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else new_id("req_")
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                # Anthropic's name for it.
                headers["request-id"] = request_id
                # No browser takes a reply for something else than it says.
                headers.setdefault("x-content-type-options", "nosniff")
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.count_http(route, status)
            seconds = time.monotonic() - began
            _LOG.info(
                "request id=%s method=%s route=%s status=%d seconds=%.3f",
                request_id,
                scope["method"] if scope["method"] in _METHODS else "other",
                route,
                status,
                seconds,
            )
