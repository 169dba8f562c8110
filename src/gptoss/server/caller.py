"""Who asks: whether the client is still there, and whose its request is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive

from gptoss.server.pool import FairPool, IsGone
from gptoss.server.wire_errors import ApiError

_Result = TypeVar("_Result")


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of some work, which ends when the client goes away. Raises ApiError then; nobody reads it.

    receive  ASGI's, of a request whose body is read
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_leave(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "the client has gone")
        return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def owner_of(request: Request) -> str:
    """Whose what the request keeps is, as the guard has found it."""
    return str(request.scope["state"]["owner"])


async def on_thread(request: Request, pool: FairPool, work: Callable[[IsGone], _Result]) -> _Result:
    """The result of some work on one of the pool's threads, when it is its owner's turn. Raises as `unless_gone`."""
    return await unless_gone(request.receive, pool.run(owner_of(request), work))


async def _leave(receive: Receive) -> None:
    # Not Starlette's `is_disconnected`, which never sees it through a middleware.
    while (await receive())["type"] != "http.disconnect":
        pass
