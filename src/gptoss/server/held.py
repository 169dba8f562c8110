"""Memory that large requests and replies hold, counted over all of them and shared out among owners."""

from __future__ import annotations

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from gptoss.engine import Shares
from gptoss.server.wire_errors import ApiError

# Smaller ones are not counted: they find room whatever else is held.
SMALL_BYTES = 64 << 10


class HeldBytes:
    """Counts bytes by their owners. Its methods belong to the event loop."""

    def __init__(self, most: int) -> None:
        self._shares = Shares(most)
        self._held: dict[str, int] = {}

    def take(self, owner: str, num_bytes: int) -> None:
        """Count bytes that are held. Raises ApiError 429 where there is no room for them."""
        own, taken = self._held.get(owner, 0), sum(self._held.values())
        if not self._shares.has_room(owner, wanted=num_bytes, own=own, taken=taken):
            raise ApiError(
                429,
                f"the large requests that are being answered take most of {self._shares.most:,} bytes; "
                "try again later",
            )
        self._held[owner] = own + num_bytes

    def give_back(self, owner: str, num_bytes: int) -> None:
        """They are held no longer."""
        left = self._held.get(owner, 0) - num_bytes
        if left > 0:
            self._held[owner] = left
        else:
            self._held.pop(owner, None)


class CountedReply(Response):
    """A reply that is there as a whole, and is counted until its reader has taken it, however slow that is."""

    def __init__(
        self, content: bytes, held: HeldBytes, owner: str, media_type: str = "application/json"
    ) -> None:
        super().__init__(content, media_type=media_type)
        self._held, self._owner = held, owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application. Raises ApiError 429 where there is no room for it."""
        counted = max(0, len(self.body) - SMALL_BYTES)
        self._held.take(self._owner, counted)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._held.give_back(self._owner, counted)
