"""Answers what nobody expected, before the headers that every reply has are added."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gptoss.server.wire_errors import ApiError, api_error

_LOG = logging.getLogger("gptoss.server")


class Unexpected:
    """Stands before the routes; the framework would answer outside of everything, without id and origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if has_begun or scope["type"] != "http":
                raise
            await reported(error).response(scope)(scope, receive, send)


def reported(error: Exception) -> ApiError:
    """The error as it is told to the client; a fault of ours is logged."""
    made = api_error(error)
    if made.status == 500:
        _LOG.error("a request failed", exc_info=error)
    return made
