"""Refusals that reach those who still send.

A connection that is closed on somebody who still sends is reset, and the reply may be lost with it.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import Message, Receive, Send


class Upload:
    """What the client sends, and whether that was all."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._is_over

    async def __call__(self) -> Message:
        """Return its next message."""
        message = await self._receive()
        self._is_over = not message.get("more_body", False)
        return message

    async def pass_by(self, seconds: float) -> None:
        """Take the rest of it for so long, and keep nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_over:
                    await self()


class Lingering:
    """Lets uploads pass after they were refused, some at once and each for some seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._num = 0

    def ends_after(self, upload: Upload, send: Send) -> Send:
        """Return what sends all of a reply at once, and ends it when the upload has ended."""

        async def send_before(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await self._pass_by(upload)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        return send_before

    async def _pass_by(self, upload: Upload) -> None:
        if upload.is_over or self._num >= self._most:
            return
        self._num += 1
        try:
            await upload.pass_by(self._seconds)
        finally:
            self._num -= 1
