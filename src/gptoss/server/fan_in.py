"""The answers to one request as one stream, told in the words of its dialect as they come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Generic, TypeVar

from anyio import CancelScope

from gptoss.chat import TurnEvent
from gptoss.chat.round import Progress
from gptoss.chat.turn import Turn
from gptoss.server.service import Running, Service
from gptoss.server.wire_errors import ApiError, api_error

_LOG = logging.getLogger("gptoss.server")
# Values that a slow reader may be behind.
_MOST_HELD = 64

_Event = TypeVar("_Event")
_Told = TypeVar("_Told")


class StreamWriter(ABC, Generic[_Event, _Told]):
    """How a dialect tells a stream. What is empty is not sent."""

    def begin(self, _: int) -> _Told | None:
        """Begin an answer, before it has events."""
        return None

    @abstractmethod
    def feed(self, index: int, event: _Event) -> _Told:
        """Tell of an event of one of the answers."""

    @abstractmethod
    def fail(self, error: ApiError) -> _Told:
        """Tell of an error, after which no answer goes on."""

    def end(self) -> _Told | None:
        """End the stream, after an error too."""
        return None


async def stream_events(
    service: Service,
    running: Sequence[Running],
    sources: Sequence[AsyncGenerator[_Event, None]],
    writer: StreamWriter[_Event, _Told],
) -> AsyncGenerator[_Told, None]:
    """Tell what all sources give as it comes, and what goes wrong; what runs for them is ended in any case.

    sources  the events of each answer
    """
    try:
        told = [_answer(writer, index, source) for index, source in enumerate(sources)]
        # A queue and a task for a single one would cost as much as writing it.
        async with contextlib.aclosing(fan_in(told) if len(told) > 1 else told[0]) as merged:
            async for each in merged:
                yield each
    except Exception as error:
        made = api_error(error)
        if made.status == 500:
            _LOG.error("an answer failed while it was streamed", exc_info=error)
        yield writer.fail(made)
    finally:
        service.forget(running)
    if last := writer.end():
        yield last


async def _answer(
    writer: StreamWriter[_Event, _Told], index: int, source: AsyncGenerator[_Event, None]
) -> AsyncGenerator[_Told, None]:
    """Tell one answer. Each event at once: its turn knows what came with it, and later knows more."""
    if told := writer.begin(index):
        yield told
    async with contextlib.aclosing(source):
        async for event in source:
            if told := writer.feed(index, event):
                yield told


async def fan_in(
    sources: Sequence[AsyncGenerator[_Told, None]],
    idle_s: float | None = None,
    *idle: _Told,
) -> AsyncGenerator[_Told, None]:
    """The values of all sources as they come, until each of them has ended; closes them in any case.

    idle  what is given whenever the sources give nothing for so many seconds

    Raises the first error that one of them raises; then the others are not read any more.
    """
    found: asyncio.Queue[tuple[_Told] | Exception | None] = asyncio.Queue()
    places = asyncio.Semaphore(_MOST_HELD)

    async def read(source: AsyncGenerator[_Told, None]) -> None:
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
    try:
        left = len(tasks)
        while left:
            try:
                async with asyncio.timeout(idle_s):
                    each = await found.get()
            except TimeoutError:
                for value in idle:
                    yield value
                continue
            if each is None:
                left -= 1
            elif isinstance(each, Exception):
                raise each
            else:
                places.release()
                yield each[0]
    finally:
        # A client that goes cancels every `await` in here but those that are shielded.
        with CancelScope(shield=True):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def turn_events(
    service: Service, turn: Turn, every_s: float | None
) -> AsyncGenerator[TurnEvent | Progress, None]:
    """A turn's events, after how far its prompt is read, every so many seconds and at its end; None: without that."""
    events = service.events(turn)
    return events if every_s is None else _with_progress(turn, events, every_s)


async def _with_progress(
    turn: Turn, events: AsyncGenerator[TurnEvent, None], every_s: float
) -> AsyncGenerator[TurnEvent | Progress, None]:
    first = asyncio.ensure_future(anext(events))
    try:
        while not first.done() and (now := turn.progress).read < now.total:
            yield now
            await asyncio.wait({first}, timeout=every_s)
        event = await first
        if (now := turn.progress).read >= now.total:
            # However fast it was: a turn has no events before its prompt is read, unless it was ended before.
            yield now
        yield event
        async for event in events:
            yield event
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await events.aclose()
