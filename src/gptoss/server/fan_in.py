"""Several streams as one: answers to one prompt, and how far the prompt is read meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from gptoss.chat.turn import Progress, Turn

# Values that a slow reader may be behind.
_MOST_HELD = 64

_Value = TypeVar("_Value")


async def fan_in(
    sources: Sequence[AsyncGenerator[_Value, None]],
    progress: AsyncGenerator[_Value, None] | None = None,
) -> AsyncGenerator[_Value, None]:
    """The values of all sources as they come, until each of them has ended; closes them in any case.

    progress  a source that is not waited for: it ends with the others at the latest

    Raises the first error that one of them raises; then the others are not read any more.
    """
    found: asyncio.Queue[tuple[_Value] | Exception | None] = asyncio.Queue()
    places = asyncio.Semaphore(_MOST_HELD)

    async def read(source: AsyncGenerator[_Value, None]) -> None:
        try:
            async with contextlib.aclosing(source):
                async for value in source:
                    await places.acquire()
                    found.put_nowait((value,))
        except Exception as error:
            found.put_nowait(error)

    tasks = [asyncio.create_task(read(source)) for source in sources]
    for task in tasks:
        # However it ends: nobody may wait for it for ever.
        task.add_done_callback(lambda _: found.put_nowait(None))
    if progress is not None:
        tasks.append(asyncio.create_task(read(progress)))
    try:
        left = len(sources)
        while left:
            each = await found.get()
            if each is None:
                left -= 1
            elif isinstance(each, Exception):
                raise each
            else:
                places.release()
                yield each[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def progress_of(turn: Turn, every_s: float) -> AsyncGenerator[Progress, None]:
    """How far a turn's prompt is read, every so many seconds, until all of it is or the turn has ended."""
    while not (now := turn.progress).is_over:
        yield now
        if now.read >= now.total:
            return
        await asyncio.sleep(every_s)
