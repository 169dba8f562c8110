"""Runs one call on a thread of its own: with a time limit, told while it runs, ended when nobody waits."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import itertools
import json
import queue
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace

from gptoss.errors import GptossError, shortened
from gptoss.tools.invocation import RUNNING, Invocation
from gptoss.tools.result import Ending, ToolResult
from gptoss.tools.tool import Tool

# What a cancelled call may still take before its result is given without it.
GRACE_S = 1.5
# Characters that a call may tell while it runs.
_MOST_TOLD = 1 << 20
_MOST_ERROR = 2000
# Values of a generator: one may be endless.
_MOST_VALUES = 10_000
_NOTHING = "(the call gave no output)"


class ToolRun:
    """A call that runs. `events` gives what it prints, and `result` is there when they have ended.

    Functions cannot be ended from outside: what ignores its cancellation goes on alone on its thread, and is not waited
    for.
    """

    def __init__(
        self, tool: Tool, arguments: str, max_s: float, loop: asyncio.AbstractEventLoop | None
    ) -> None:
        """`loop`: on which coroutines run; None: on one of their own."""
        self._tool = tool
        self._loop = loop
        self._items: queue.SimpleQueue[str | ToolResult] = queue.SimpleQueue()
        self._wake: Callable[[], object] = lambda: None
        self._num_told = 0
        self._told: list[str] = []
        self._result: ToolResult | None = None
        self._began = time.monotonic()
        self._max_s = max_s
        self._latest = self._began + max_s
        self._ended_early: Ending | None = None
        self.invocation = Invocation(arguments, self._tell)
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._main,), name=f"gptoss-{tool.recipient}", daemon=True
        )
        thread.start()

    @property
    def result(self) -> ToolResult:
        """The result, once the events have ended."""
        assert self._result is not None
        return self._result

    def events(self) -> Iterator[str]:
        """Give what the call prints, as it comes, until it has ended or its time is over."""
        try:
            while self._result is None:
                try:
                    item = self._items.get(timeout=self._wait_s())
                except queue.Empty:
                    self._expire()
                    continue
                if (text := self._read(item)) is not None:
                    yield text
        finally:
            self.cancel()

    async def events_async(self, _pace_s: float = 0.0) -> AsyncGenerator[str, None]:
        """As `events`, for an event loop."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        try:
            while self._result is None:
                woken.clear()
                while self._result is None:
                    try:
                        item = self._items.get_nowait()
                    except queue.Empty:
                        break
                    if (text := self._read(item)) is not None:
                        yield text
                if self._result is None:
                    try:
                        async with asyncio.timeout(self._wait_s()):
                            await woken.wait()
                    except TimeoutError:
                        self._expire()
        finally:
            self._wake = lambda: None
            self.cancel()

    def cancel(self, ending: Ending = Ending.CANCELLED) -> None:
        """End the call; its result says so. From any thread, or a signal handler; harmless when it has ended."""
        if self._result is None and self._ended_early is None:
            self._ended_early = ending
            self._latest = time.monotonic() + GRACE_S
            self.invocation.cancel()
            self._wake()

    def _wait_s(self) -> float:
        # Looked at again, now and then: a signal handler may have brought the end forward.
        return min(max(self._latest - time.monotonic(), 0.0), 0.1)

    def _expire(self) -> None:
        """Time has passed: end the call, or give up waiting for its end."""
        if time.monotonic() < self._latest:
            return
        if self._ended_early is None:
            self.cancel(Ending.TIMEOUT)
        else:
            self._result = self._cut("")

    def _read(self, item: str | ToolResult) -> str | None:
        if isinstance(item, str):
            return item
        is_told = item.ending in (Ending.CANCELLED, Ending.TIMEOUT) and item.text
        if self._ended_early is None or is_told:
            self._result = item
        else:
            self._result = self._cut(item.text)
        return None

    def _cut(self, text: str) -> ToolResult:
        """The result of a call that was ended: what there is, and why there is no more."""
        seconds = time.monotonic() - self._began
        assert self._ended_early is not None
        if self._ended_early is Ending.TIMEOUT:
            why = f"the call took longer than {self._max_s:g} s and was ended"
        else:
            why = f"the call was stopped after {seconds:.1f} s"
        said = text or "".join(self._told)
        return ToolResult(f"{said}\n[{why}]".lstrip("\n"), self._ended_early, seconds=seconds)

    def _tell(self, text: str) -> None:
        text = _readable(text[: _MOST_TOLD - self._num_told])
        if text and not self.invocation.is_cancelled:
            self._num_told += len(text)
            self._told.append(text)
            self._put(text)

    def _put(self, item: str | ToolResult) -> None:
        self._items.put(item)
        try:
            self._wake()
        except RuntimeError:
            # The loop has closed: nobody waits.
            return

    def _main(self) -> None:
        RUNNING.set(self.invocation)
        try:
            result = self._call()
        # Whatever a function raises is its own: a tool's failure is a result.
        except BaseException as error:
            result = failure(error)
        seconds = time.monotonic() - self._began
        self._put(ToolResult(result.text, result.ending, result.attachments, result.whole, seconds))

    def _call(self) -> ToolResult:
        assert self._tool.run is not None
        value = self._tool.run(self.invocation)
        if isinstance(value, AsyncIterator):
            return _of_many(self._awaited(_collected(value)))
        if isinstance(value, Iterator):
            return _of_many(list(itertools.islice(value, _MOST_VALUES + 1)))
        if inspect.isawaitable(value):
            value = self._awaited(_as_coroutine(value))
        return as_result(value)

    def _awaited(self, work: object) -> object:
        assert inspect.iscoroutine(work)
        if self._loop is None:
            return asyncio.run(self._cancellable(work))
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self.invocation.on_cancel(future.cancel)
        return future.result()

    async def _cancellable(self, work: object) -> object:
        assert inspect.iscoroutine(work)
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        self.invocation.on_cancel(lambda: loop.call_soon_threadsafe(task.cancel))
        return await task


async def _as_coroutine(value: object) -> object:
    assert inspect.isawaitable(value)
    return await value


def as_result(value: object) -> ToolResult:
    """A tool's value as its result: a text as it is, nothing as a line that says so, all else as JSON."""
    if isinstance(value, ToolResult):
        if not isinstance(value.text, str):
            return _no_form(value.text, "wanted a text")
        text = _readable(value.text) or _NOTHING
        return replace(value, text=text)
    if value is None:
        return ToolResult(_NOTHING)
    if isinstance(value, str):
        return ToolResult(_readable(value) or _NOTHING)
    if isinstance(value, list | tuple | dict | set) and not value:
        return ToolResult(
            f"{json.dumps(list(value)) if not isinstance(value, dict) else '{}'} (empty)"
        )
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return ToolResult(to_json(value, fallback=_plain, inf_nan_mode="constants").decode())
    except PydanticSerializationError as error:
        return _no_form(value, str(error).removeprefix("Error serializing to JSON: "))


def failure(error: BaseException) -> ToolResult:
    """Return a failed call as the model reads it: the error, without the traceback of this machine's code."""
    if isinstance(error, asyncio.CancelledError | CancelledError):
        return ToolResult("", Ending.CANCELLED)
    try:
        text = _readable(shortened(str(error), _MOST_ERROR))
    # Its text is made by code of the function's, too.
    except BaseException:
        text = ""
    if isinstance(error, GptossError):
        return ToolResult(f"error: {text}", Ending.ERROR)
    name = type(error).__name__
    return ToolResult(f"error: {name}: {text}" if text else f"error: {name}", Ending.ERROR)


def _of_many(values: object) -> ToolResult:
    """Return the values of a generator as a result; they are up to one more than is shown."""
    assert isinstance(values, list)
    if len(values) <= _MOST_VALUES:
        return as_result(values)
    shown = as_result(values[:_MOST_VALUES])
    return replace(shown, text=f"{shown.text}\n[there are more than {_MOST_VALUES:,}]")


def _no_form(value: object, why: str) -> ToolResult:
    kind = type(value).__name__
    return ToolResult(
        f"error: the function gave a {kind}, which cannot be written as JSON ({why})", Ending.ERROR
    )


def _plain(value: object) -> object:
    """A value of a kind that JSON lacks: the numbers of arrays, as NumPy and pandas have them, else its text."""
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) else str(value)


def _readable(text: str) -> str:
    # Lone surrogates are no text that a model can read.
    return text.encode("utf-8", "replace").decode("utf-8")


async def _collected(values: AsyncIterator[object]) -> list[object]:
    found: list[object] = []
    async for each in values:
        found.append(each)
        if len(found) > _MOST_VALUES:
            break
    return found
