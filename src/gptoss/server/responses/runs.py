"""Responses that are being written: in the reach of one request, or in the background, where any may watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from gptoss.chat.turn import Turn
from gptoss.server.fan_in import stream_events, turn_events
from gptoss.server.responses.store import LIVE, ResponseStore
from gptoss.server.responses.types.events import LAST_EVENTS, ResponseEvent
from gptoss.server.responses.types.response import Response
from gptoss.server.responses.writer import ResponseWriter
from gptoss.server.service import Service
from gptoss.server.sse import event

_LOG = logging.getLogger("gptoss.server")
_CLOSING_S = 2.0
_PROGRESS_S = 0.05
TOO_LARGE = (
    "the response takes more room than all kept responses may; ask for less, without background"
)
_NOT_ENDED = {
    "status": "in_progress",
    **dict.fromkeys(("completed_at", "incomplete_details", "error", "usage")),
}

# What is done with the last events, before anybody hears of them; whether it is kept as it was to be.
Keep = Callable[[Sequence[ResponseEvent]], Awaitable[bool]]


async def response_events(
    service: Service, turn: Turn, writer: ResponseWriter, keep: Keep
) -> AsyncGenerator[ResponseEvent, None]:
    """The stream of a response; it ends when nobody reads on, and is kept before its last event is told."""
    source = turn_events(service, turn, _PROGRESS_S if writer.tells_progress else None)
    try:
        async with contextlib.aclosing(stream_events(service, [turn], [source], writer)) as told:
            async for events in told:
                if events[-1].type in LAST_EVENTS and not await keep(events):
                    writer.say_not_kept(events[-1])
                for each in events:
                    yield each
    finally:
        writer.close()


async def whole_response(
    events: AsyncGenerator[ResponseEvent, None], writer: ResponseWriter
) -> Response:
    """The response, once its events have ended. Raises ApiError where it failed."""
    async with contextlib.aclosing(events):
        async for _ in events:
            pass
    if writer.failure is not None:
        raise writer.failure
    return writer.response


async def event_lines(events: AsyncGenerator[ResponseEvent, None]) -> AsyncGenerator[bytes, None]:
    """The events as a stream is sent."""
    async with contextlib.aclosing(events):
        async for made in events:
            yield event(made, made.type)


class Run:
    """A response that runs on its own, for its owner."""

    def __init__(self, turn: Turn, writer: ResponseWriter, owner: str) -> None:
        self.writer = writer
        self.owner = owner
        self._turn = turn
        self.events: list[ResponseEvent] = []
        self._is_told = self._is_over = False
        self._changed = asyncio.Event()

    @property
    def response(self) -> Response | None:
        """As far as it is told; None once it has ended: it is kept then, or why it could not be."""
        if self._is_told:
            return None
        now = self.writer.response
        if now.status in LIVE:
            return now
        # It is being kept. What does not fit fails, and may not have been seen as completed before.
        return now.model_copy(update=_NOT_ENDED)

    def publish(self, event: ResponseEvent) -> None:
        """One more event, for all who watch."""
        self.events.append(event)
        self._is_told = event.type in LAST_EVENTS
        self._wake()

    def end(self) -> None:
        """There are no more."""
        self._is_over = True
        self._wake()

    def cancel(self, *, by_client: bool) -> None:
        """End the turn early."""
        self.writer.is_cancelled = by_client
        self._turn.cancel()

    async def follow(self, after: int) -> AsyncGenerator[ResponseEvent, None]:
        """The events with a sequence number beyond `after`, as they come."""
        at = max(after + 1, 0)
        while True:
            while at < len(self.events):
                yield self.events[at]
                at += 1
            if self._is_over:
                return
            await self._changed.wait()

    def _wake(self) -> None:
        # Whoever waits has the old one, and looks at the events before it waits for the new one.
        self._changed.set()
        self._changed = asyncio.Event()


class Runs:
    """All that run on their own. Its methods belong to the event loop."""

    def __init__(self, service: Service, store: ResponseStore) -> None:
        self._service = service
        self._store = store
        self._run_by_id: dict[str, tuple[Run, asyncio.Task[None]]] = {}

    def start(self, response_id: str, turn: Turn, writer: ResponseWriter, owner: str) -> Run:
        """Run a response that is in the store."""
        run = Run(turn, writer, owner)
        task = asyncio.create_task(self._run(response_id, run, turn))
        self._run_by_id[response_id] = (run, task)
        return run

    def find(self, response_id: str, owner: str) -> Run | None:
        """One of the owner's that still runs."""
        found = self._run_by_id.get(response_id)
        return None if found is None or found[0].owner != owner else found[0]

    async def cancel(self, response_id: str, owner: str) -> None:
        """End one of the owner's, if it still runs, and wait until it is kept."""
        found = self._run_by_id.get(response_id)
        if found is not None and found[0].owner == owner:
            run, task = found
            run.cancel(by_client=True)
            await asyncio.wait({task})

    async def close(self) -> None:
        """End all, as the server ends."""
        runs = list(self._run_by_id.values())
        for run, _ in runs:
            run.cancel(by_client=False)
        if tasks := {task for _, task in runs}:
            await asyncio.wait(tasks, timeout=_CLOSING_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, response_id: str, run: Run, turn: Turn) -> None:
        def finish(last: Sequence[ResponseEvent]) -> bool:
            response = run.writer.response
            if self._store.finish(response, [*run.events, *last]):
                return True
            # Whoever asks for it later is told why it is not there.
            self._store.add(run.writer.failed(TOO_LARGE), (), run.owner)
            return False

        async def keep(last: Sequence[ResponseEvent]) -> bool:
            try:
                return await asyncio.to_thread(finish, last)
            except Exception:
                _LOG.exception("a response could not be kept")
                return False

        try:
            async with contextlib.aclosing(
                response_events(self._service, turn, run.writer, keep)
            ) as events:
                async for each in events:
                    run.publish(each)
        finally:
            del self._run_by_id[response_id]
            run.end()
