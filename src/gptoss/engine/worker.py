"""The thread that owns the engine, and what callers on other threads hold of a request."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import Counter, deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
)

from gptoss.engine.engine import Engine, Output
from gptoss.engine.logprobs import TokenLogprobs
from gptoss.engine.loops import Loop
from gptoss.engine.owner import EVERYBODY
from gptoss.engine.request import FinishReason, Request, Timings
from gptoss.engine.sequence import Sequence, Token
from gptoss.engine.shares import Shares
from gptoss.errors import EngineError, GptossError, QueueFullError, RequestError

MAX_WAITING = 64

_END = None
Item = Token | BaseException | None


class Generation:
    """A running request: iterate, or iterate asynchronously, for its token ids as they come.

    Iterating raises what ended the request, if an error did. Left early, `cancel` it. One reader at a time.
    """

    def __init__(self, worker: Worker, request: Request) -> None:
        self.request = request
        self._worker = worker
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._sequence: Sequence | None = None
        self._is_read = False
        self._ended_early: FinishReason | None = None
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def __iter__(self) -> Iterator[int]:
        return (token.id for token in self.tokens())

    async def __aiter__(self) -> AsyncIterator[int]:
        async with contextlib.aclosing(self.tokens_async()) as tokens:
            async for token in tokens:
                yield token.id

    def tokens(self) -> Iterator[Token]:
        """The same with what is known of each token."""
        while not self._is_read:
            token = self._unpack(self._items.get())
            if token is not None:
                yield token

    async def tokens_async(self) -> AsyncGenerator[Token, None]:
        """As `tokens`, for an event loop; closing it, or cancelling its task, ends the request."""
        async with contextlib.aclosing(self.batches_async()) as batches:
            async for batch in batches:
                for token in batch:
                    yield token

    async def batches_async(self, *, at_end: bool = False) -> AsyncGenerator[list[Token], None]:
        """As `tokens_async`, all that have come since the last time together; `at_end`: when the request has ended."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        is_awake = False

        def wake() -> None:
            nonlocal is_awake
            # A reader that has something to read need not be told of more.
            if not is_awake and not (at_end and self.finish_reason is None):
                is_awake = True
                loop.call_soon_threadsafe(woken.set)

        with self._lock:
            self._wake = wake
        try:
            while not self._is_read:
                with self._lock:
                    is_awake = False
                woken.clear()
                batch: list[Token] = []
                try:
                    while not self._is_read:
                        token = self._unpack(self._items.get_nowait())
                        if token is not None:
                            batch.append(token)
                except queue.Empty:
                    pass
                except BaseException:
                    # What came before the failure is not lost.
                    if batch:
                        yield batch
                    raise
                if batch:
                    yield batch
                elif not self._is_read:
                    await woken.wait()
        finally:
            with self._lock:
                self._wake = None
            self.cancel()

    def cancel(self) -> None:
        """End the request; harmless when it has ended.

        Iterating ends at once, the worker's part within its step.
        """
        self.finish(FinishReason.CANCELLED)

    def finish(self, reason: FinishReason) -> None:
        """As `cancel`, for a reason of the caller's."""
        if self.finish_reason is None:
            self._ended_early = reason
            self._worker.cancel(self)
            self._put(_END)

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it runs."""
        if self._ended_early is not None:
            return self._ended_early
        return self._sequence.finish_reason if self._sequence else None

    @property
    def seed(self) -> int | None:
        """The seed in use, also where the request left it open; None before the worker has taken the request."""
        return self._sequence.seed if self._sequence else None

    @property
    def timings(self) -> Timings:
        """Up to now."""
        return self._sequence.timings if self._sequence else Timings()

    @property
    def loop(self) -> Loop | None:
        """The loop that its tokens have fallen into, once one was found."""
        return self._sequence.loop if self._sequence else None

    @property
    def num_prefilled(self) -> int:
        """Tokens of the prompt that are computed; all from the first new token on."""
        return self._sequence.num_prefilled if self._sequence else 0

    @property
    def prompt_logprobs(self) -> tuple[TokenLogprobs, ...]:
        """Those of the prompt's tokens after the first, if asked for: all from the first new token on."""
        return tuple(self._sequence.prompt_logprobs) if self._sequence else ()

    def _put(self, item: Item) -> None:
        if isinstance(item, BaseException) and self.finish_reason is None:
            self._ended_early = FinishReason.CANCELLED
        self._items.put(item)
        with self._lock:
            if self._wake is not None:
                # A loop that is closed has nobody waiting.
                with contextlib.suppress(RuntimeError):
                    self._wake()

    def _unpack(self, item: Item) -> Token | None:
        if isinstance(item, Token):
            return item
        self._is_read = True
        if item is not _END:
            raise item
        return None


class Worker:
    """Owns an engine on a thread of its own, until `close`. All methods may be called from any thread."""

    def __init__(self, engine: Engine, *, max_waiting: int = MAX_WAITING) -> None:
        self._engine = engine
        self._places = Shares(max_waiting)
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

    @property
    def is_open(self) -> bool:
        """Whether requests are taken."""
        return not self._is_closing

    def submit(self, request: Request) -> Generation:
        """Start a request.

        Raises RequestError for a request the engine cannot take, QueueFullError when too many wait, and RequestError
        after `close`.
        """
        return self.submit_many(request, 1)[0]

    def submit_many(self, request: Request, num: int) -> list[Generation]:
        """Start a request several times, its prompt computed once; the seed, if there is one, counts up.

        Raises as `submit` does, and takes all or none.
        """
        if num < 1:
            raise RequestError(f"got {num} answers to one prompt, wanted 1 or more")
        return self.submit_all([request.for_answer(index) for index in range(num)])

    def submit_all(self, requests: Iterable[Request]) -> list[Generation]:
        """Start several requests. Raises as `submit` does, and takes all or none."""
        generations = [Generation(self, request) for request in requests]
        for generation in generations:
            self._engine.check(generation.request)
        with self._changed:
            if self._is_closing:
                raise RequestError("the model is closed; load it again")
            self._require_places(generations)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="gptoss-engine", daemon=True)
                self._thread.start()
            self._inbox += generations
            self._changed.notify()
        return generations

    def _require_places(self, generations: Collection[Generation]) -> None:
        """Raises QueueFullError where the queue has no room for these, or not for so many of one owner."""
        inbox = [generation.request.owner.name for generation in self._inbox]
        waiting = Counter([*inbox, *self._engine.waiting_owners()])
        taken = waiting.total()
        wanted = Counter(generation.request.owner.name for generation in generations)
        for owner, num in wanted.items():
            own, most = waiting[owner], self._places.most
            if taken + num > most and (own or owner == EVERYBODY):
                raise QueueFullError(
                    f"{taken} requests are waiting, and with {num} more there would be more than {most}; "
                    "try again later"
                )
            if not self._places.has_room(owner, wanted=num, own=own, taken=taken):
                raise QueueFullError(
                    f"{own} requests of the same key are waiting, and {num} more would leave too little room "
                    f"for others among {most}; try again later"
                )
            taken += num

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
                try:
                    outputs = self._engine.step()
                except BaseException as error:
                    self._recover(error)
                else:
                    for output in outputs:
                        self._publish(output)
        except BaseException as error:
            # A fault of ours must reach the callers, who would wait for ever.
            self._fail_all(error)

    def _publish(self, output: Output) -> None:
        generation = self._active[output.sequence]
        for token in output.tokens:
            generation._put(token)
        if output.error is not None:
            generation._put(output.error)
        if output.sequence.finish_reason is not None:
            self._end(output.sequence)

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
                    generation._put(error)
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
        self._active.pop(sequence)._put(_END)

    def _recover(self, error: BaseException) -> None:
        """End what ran in a step that failed as a whole; what waits goes on, unless nothing ran."""
        self._engine.reset()
        ended = [s for s in self._active if s.finish_reason is not None] or list(self._active)
        for sequence in ended:
            self._engine.cancel(sequence)
            self._active.pop(sequence)._put(_fault(error))

    def _fail_all(self, error: BaseException) -> None:
        """End everything; the next request begins on a new thread, unless the engine cannot be emptied."""
        with self._changed:
            try:
                self._engine.reset(waiting=False)
            except BaseException:
                self._is_closing = True
            ended = (*self._active.values(), *self._inbox)
            self._active.clear()
            self._inbox.clear()
            self._cancelled.clear()
            self._thread = None
            for generation in ended:
                generation._put(_fault(error))


def _fault(error: BaseException) -> EngineError:
    made = EngineError(f"the engine failed: {type(error).__name__}: {error}; others go on")
    made.__cause__ = error
    return made
