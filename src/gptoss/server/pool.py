"""Threads for work that would hold up the event loop, shared out fairly among owners."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from gptoss.engine import EVERYBODY, Shares
from gptoss.errors import QueueFullError

_Result = TypeVar("_Result")
# Whether nobody waits for the result any more.
IsGone = Callable[[], bool]


class _Job(Generic[_Result]):
    """Work, what it gives, and whether anybody still wants it."""

    def __init__(
        self, owner: str, work: Callable[[IsGone], _Result], discard: Callable[[_Result], object]
    ) -> None:
        self.owner = owner
        self.future: Future[_Result] = Future()
        self._work = work
        self._discard = discard
        self._gone = threading.Event()

    def leave(self) -> None:
        """Nobody waits any more: what has not begun never does, and what it gives is discarded."""
        self._gone.set()
        self.future.cancel()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._work(self._gone.is_set)
        except BaseException as error:
            self.future.set_exception(error)
            return
        # Whoever leaves after this looks at the future itself.
        self.future.set_result(result)

    def discard(self, future: Future[_Result]) -> None:
        """Undo what was given to nobody."""
        if not future.cancelled() and future.exception() is None:
            self._discard(future.result())


class FairPool:
    """A few threads, on which owners take turns.

    Each finds room in the queue (`gptoss.engine.Shares`), and none has all threads: while one owner's work takes
    long, there is one for the others. EVERYBODY, who is alone, has all.
    """

    def __init__(self, name: str, *, threads: int, most_waiting: int, busy: str) -> None:
        """`busy`: what is said to those for whom there is no room, in the words of an error."""
        self._name = name
        self._threads = threads
        self._shares = Shares(most_waiting)
        self._busy = busy
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, deque[_Job[Any]]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._num_threads = self._num_idle = 0
        self._is_closed = False

    @property
    def num_waiting(self) -> int:
        """Jobs that have not begun, and for which somebody waits."""
        with self._changed:
            self._forget_cancelled()
            return self._num_waiting()

    async def run(
        self,
        owner: str,
        work: Callable[[IsGone], _Result],
        discard: Callable[[_Result], object] = lambda _: None,
    ) -> _Result:
        """Run work on a thread in its owner's turn, and return its result; it is told whether its caller has left.

        Raises QueueFullError where there is no room, and what the work does.

        discard  undoes a result that came when the caller had left
        """
        job = _Job(owner, work, discard)
        self._submit(owner, job)
        try:
            return await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.leave()
            job.future.add_done_callback(job.discard)
            raise

    def close(self) -> None:
        """Let the threads end when they have done what is waiting."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _submit(self, owner: str, job: _Job[Any]) -> None:
        with self._changed:
            self._forget_cancelled()
            own = len(self._waiting.get(owner, ()))
            # What finds an idle thread does not wait.
            is_idle = self._num_idle > self._num_waiting() or self._num_threads < self._threads
            taken = self._num_waiting()
            if not is_idle and not self._shares.has_room(owner, wanted=1, own=own, taken=taken):
                raise QueueFullError(self._busy)
            self._waiting.setdefault(owner, deque()).append(job)
            if self._num_idle < self._num_waiting() and self._num_threads < self._threads:
                self._num_threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._changed.notify()

    def _num_waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _forget_cancelled(self) -> None:
        for owner, jobs in list(self._waiting.items()):
            kept = deque(job for job in jobs if not job.future.cancelled())
            if kept:
                self._waiting[owner] = kept
            else:
                del self._waiting[owner]

    def _run(self) -> None:
        while self._run_one():
            pass

    def _run_one(self) -> bool:
        """Do what is next; False when the pool is closed. A thread that waits keeps nothing of what it has done."""
        job = self._take()
        if job is None:
            return False
        job.run()
        with self._changed:
            self._running[job.owner] -= 1
            # What could not begin while this ran may begin now.
            self._changed.notify()
        return True

    def _take(self) -> _Job[Any] | None:
        """The first of the owner who has waited longest for a turn; None when the pool is closed."""
        with self._changed:
            self._num_idle += 1
            while (owner := self._next_owner()) is None and not (
                self._is_closed and not self._waiting
            ):
                self._changed.wait()
            self._num_idle -= 1
            if owner is None:
                self._num_threads -= 1
                return None
            jobs = self._waiting.pop(owner)
            job = jobs.popleft()
            if jobs:
                self._waiting[owner] = jobs
            self._running[owner] += 1
            return job

    def _next_owner(self) -> str | None:
        most = max(1, self._threads - 1)
        for owner in self._waiting:
            if owner == EVERYBODY or self._running[owner] < most:
                return owner
        return None
