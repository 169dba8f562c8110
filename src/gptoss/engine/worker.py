"""The thread that owns the engine, and what callers on other threads hold of a request."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator

from gptoss.engine.engine import Engine
from gptoss.engine.request import FinishReason, Request, Timings
from gptoss.engine.sequence import Sequence
from gptoss.errors import GptossError, RequestError

MAX_WAITING = 64

_END = None


class Generation:
    """A running request: iterate for its token ids, as they come.

    Iterating raises what ended the request, if an error did. Left early, `cancel` it.
    """

    def __init__(self, worker: Worker, request: Request) -> None:
        self.request = request
        self._worker = worker
        self._tokens: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
        self._sequence: Sequence | None = None
        self._is_read = False
        self._is_cancelled = False

    def __iter__(self) -> Iterator[int]:
        while not self._is_read:
            item = self._tokens.get()
            if isinstance(item, int):
                yield item
                continue
            self._is_read = True
            if item is not _END:
                raise item

    def cancel(self) -> None:
        """End the request; harmless when it has ended.

        Iterating ends at once, the worker's part within its step.
        """
        if self.finish_reason is None:
            self._is_cancelled = True
            self._worker.cancel(self)
            self._tokens.put(_END)

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it runs."""
        if self._is_cancelled:
            return FinishReason.CANCELLED
        return self._sequence.finish_reason if self._sequence else None

    @property
    def seed(self) -> int | None:
        """The seed in use, also where the request left it open; None before the worker has taken the request."""
        return self._sequence.seed if self._sequence else None

    @property
    def timings(self) -> Timings:
        """Up to now."""
        return self._sequence.timings if self._sequence else Timings()


class Worker:
    """Owns an engine on a thread of its own, until `close`. All methods may be called from any thread."""

    def __init__(self, engine: Engine, *, max_waiting: int = MAX_WAITING) -> None:
        self._engine = engine
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._inbox: deque[Generation] = deque()
        self._cancelled: list[Generation] = []
        self._active: dict[Sequence, Generation] = {}
        self._is_closing = False
        self._thread: threading.Thread | None = None

    @property
    def context(self) -> int:
        """Tokens that a sequence may have, prompt and answer together."""
        return self._engine.context

    def submit(self, request: Request) -> Generation:
        """Start a request.

        Raises RequestError for a request the engine cannot take, when the queue is full, or after `close`.
        """
        self._engine.check(request)
        generation = Generation(self, request)
        with self._changed:
            if self._is_closing:
                raise RequestError("the model is closed; load it again")
            waiting = len(self._inbox) + self._engine.num_waiting
            if waiting >= self._max_waiting:
                raise RequestError(
                    f"{waiting} requests are waiting, wanted fewer than {self._max_waiting}; try again later"
                )
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gptoss-engine", daemon=True)
                self._thread.start()
            self._inbox.append(generation)
            self._changed.notify()
        return generation

    def cancel(self, generation: Generation) -> None:
        """End a request within a step."""
        with self._changed:
            self._cancelled.append(generation)
            self._changed.notify()

    def close(self) -> None:
        """Cancel what runs and end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._take_messages():
                for output in self._engine.step():
                    generation = self._active[output.sequence]
                    item = output.error if output.token_id is None else output.token_id
                    generation._tokens.put(item)
                    if output.sequence.finish_reason is not None:
                        self._end(output.sequence)
        except BaseException as error:
            # A fault of ours must reach the callers, who would wait for ever.
            self._fail_all(error)

    def _take_messages(self) -> bool:
        """Wait for work; take new and cancelled requests. False when the worker is to end."""
        with self._changed:
            while not (self._inbox or self._cancelled or self._active or self._is_closing):
                self._changed.wait()
            if self._is_closing:
                self._cancelled += [*self._active.values(), *self._inbox]
            while self._inbox:
                generation = self._inbox.popleft()
                try:
                    generation._sequence = self._engine.add(generation.request)
                except BaseException as error:
                    generation._tokens.put(error)
                    if not isinstance(error, GptossError):
                        raise
                else:
                    self._active[generation._sequence] = generation
            for generation in self._cancelled:
                if generation._sequence in self._active:
                    self._engine.cancel(generation._sequence)
                    self._end(generation._sequence)
            self._cancelled.clear()
            return not self._is_closing

    def _end(self, sequence: Sequence) -> None:
        self._active.pop(sequence)._tokens.put(_END)

    def _fail_all(self, error: BaseException) -> None:
        with self._changed:
            self._is_closing = True
            for generation in (*self._active.values(), *self._inbox):
                generation._tokens.put(error)
            self._active.clear()
            self._inbox.clear()
