"""The model behind the routes: loading, running turns, and the end of the server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Protocol

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.turn import Turn
from gptoss.errors import shown
from gptoss.runtime import LoadedModel
from gptoss.server.containers.containers import Containers
from gptoss.server.files.store import FileLimits, FileStore
from gptoss.server.held import HeldBytes
from gptoss.server.hosted.tools import HostedTools
from gptoss.server.metrics import Metrics
from gptoss.server.pools import Pools
from gptoss.server.settings import ServerSettings
from gptoss.server.starting import Ask, Started, Starter
from gptoss.server.wire_errors import ApiError
from gptoss.tools.sandbox import SandboxPool

# Tokens that come faster than a person can see are sent together.
PACE_S = 0.04


class Running(Protocol):
    """What runs for a request."""

    def cancel(self) -> None:
        """End it."""


class Service:
    """One model for all requests. Its methods belong to the event loop, unless they say otherwise."""

    def __init__(self, settings: ServerSettings, open_model: Callable[[], LoadedModel]) -> None:
        """`open_model` is called once, on a thread of its own. Raises SandboxError where code is to run and
        cannot, and ServerError for a folder of files that cannot be used.
        """
        self.settings = settings
        self.metrics = Metrics()
        self.started = time.time()
        self.is_draining = False
        self.pools = Pools()
        self.held = HeldBytes(settings.max_held_bytes)
        self.files = FileStore(
            settings.files,
            FileLimits(settings.max_file_bytes, settings.files_bytes, settings.max_files),
        )
        self.containers = Containers(
            SandboxPool() if settings.tools.has_python else None, self.files
        )
        self.hosted = HostedTools(settings.tools, self.containers)
        self._open_model = open_model
        self._model: LoadedModel | None = None
        self._failure: str | None = None
        self._running: set[Running] = set()

    def load(self) -> None:
        """Begin to open the model; `model` is there when it is done."""
        threading.Thread(target=self._load, name="gptoss-load", daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """Whether requests are answered."""
        return self._model is not None and not self.is_draining and self._model.is_running

    @property
    def failure(self) -> str | None:
        """Why the model could not be opened, if it could not."""
        return self._failure

    @property
    def model(self) -> LoadedModel:
        """Raises ApiError 503 before it is open, and when the server is about to end."""
        if self._failure is not None:
            raise ApiError(503, f"the model could not be opened: {self._failure}")
        if self._model is None:
            raise ApiError(503, "the model is being opened; try again in a moment")
        if self.is_draining:
            raise ApiError(503, "the server is about to end")
        if not self._model.is_running:
            raise ApiError(503, "the engine has ended")
        return self._model

    @property
    def names(self) -> tuple[str, ...]:
        """Under which the model may be asked for, the first is its own."""
        return (self.model.name, *self.settings.served_names)

    def require_model(self, name: str | None) -> str:
        """The model's name as the request has it, or its own. Raises ApiError 404 for another model."""
        if not name:
            return self.names[0]
        if name not in self.names:
            raise ApiError(
                404,
                f"got the model {shown(name, 200)}, wanted {', '.join(self.names)}; see --served-name",
                param="model",
                code="model_not_found",
            )
        return name

    async def begin(self, owner: str, ask: Ask) -> Started:
        """Start the turn that `ask` makes of a request, in all its ways, or none. Raises as `Starter.start`."""
        started = await Starter(self.model, self.pools, owner).start(ask)
        self._running.update(started.turns)
        return started

    async def events(self, turn: Turn) -> AsyncGenerator[TurnEvent, None]:
        """Of a turn that was begun; it ends when nobody reads on."""
        events = turn.events_async(PACE_S)
        try:
            async for event in events:
                if isinstance(event, TurnFinished):
                    self.metrics.count_reply(event.reply)
                yield event
        finally:
            self._running.discard(turn)
            await events.aclose()

    async def reply(self, turn: Turn, read: Callable[[TurnEvent], object]) -> Reply:
        """Of a turn that was begun, when it is finished; `read` is told its events, of which a whole reply is made."""
        events = self.events(turn)
        try:
            async for event in events:
                if isinstance(event, TurnFinished):
                    return event.reply
                read(event)
        finally:
            await events.aclose()
        raise AssertionError("a turn ends with TurnFinished")

    async def replies(
        self, turns: Sequence[Turn], readers: Sequence[Callable[[TurnEvent], object]]
    ) -> list[Reply]:
        """Of all, each with a reader as `reply` has it; if one fails, the others are ended as well."""
        both = zip(turns, readers, strict=True)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.reply(turn, read)) for turn, read in both]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self.forget(turns)
        return [task.result() for task in tasks]

    def remember(self, turns: Iterable[Running]) -> None:
        """Count them among what runs, until they are forgotten."""
        self._running.update(turns)

    def forget(self, turns: Iterable[Running]) -> None:
        """End turns that were begun and that nobody reads; harmless for those that have ended."""
        for turn in turns:
            turn.cancel()
            self._running.discard(turn)

    async def drain(self) -> None:
        """Take nothing new, and let what runs end; when its time is over, end it with what there is."""
        self.is_draining = True
        latest = time.monotonic() + self.settings.drain_s
        while self._running and time.monotonic() < latest:
            await asyncio.sleep(0.05)
        self.end_all()
        while self._running and time.monotonic() < latest + 2:
            await asyncio.sleep(0.02)

    def end_all(self) -> None:
        """End what runs, with what there is."""
        for turn in tuple(self._running):
            turn.cancel()

    def close(self) -> None:
        """Let go of the threads and the model."""
        self.pools.close()
        self.containers.close()
        if self._model is not None:
            self._model.close()

    def update_gauges(self) -> None:
        """Before they are read."""
        if self._model is not None:
            load = self._model.load_now
            self.metrics.running.set(load.running)
            self.metrics.waiting.set(load.waiting)
            self.metrics.cache_usage.set(load.cache_usage)

    def _load(self) -> None:
        try:
            model = self._open_model()
            model.shared_instructions = frozenset(self.settings.shared_instructions)
            # Now, rather than while others are being answered.
            model.turns.warm()
            self._model = model
        except Exception as error:
            self._failure = str(error)
