"""Routes whose bodies are checked as what they are declared, before FastAPI comes to them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from gptoss.server.bodies import Body
from gptoss.server.wire_errors import invalid


class BodyRoute(APIRoute):
    """A route that is given its body as an object of the declared type: large ones are checked on a thread."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with the body read before."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        field = self.body_field

        def check(value: Any) -> Any:
            checked, errors = field.validate(value, {}, loc=("body",))
            if errors:
                raise invalid(errors, value)
            return checked

        async def handle_checked(request: Request) -> Response:
            body = body_of(request)
            if not body.is_empty:
                # Where Starlette keeps what it has parsed. An object of the type passes FastAPI's check as it is.
                request._json = await body.check(check, body.take())
            return await handle(request)

        return handle_checked


def body_of(request: Request) -> Body:
    """A request's body, as the guard has taken it."""
    body: Body = request.scope["state"]["body"]
    return body
