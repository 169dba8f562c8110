"""Several answers as one stream, and what it is told of: progress, errors, the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any

import anyio
import pytest

from gptoss.chat.round import Progress
from gptoss.errors import EngineError, RequestError
from gptoss.server import fan_in as module
from gptoss.server.fan_in import StreamWriter, fan_in, stream_events, turn_events
from gptoss.server.wire_errors import ApiError


class Source:
    """Gives what is put into it, until it is told to end; `is_open` while it is read, `is_closed` after that."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.num_read = 0
        self.is_open = self.is_closed = False

    async def values(self) -> AsyncGenerator[str, None]:
        """What was put in; an error is raised."""
        self.is_open = True
        try:
            while (each := await self.given.get()) is not None:
                if isinstance(each, BaseException):
                    raise each
                self.num_read += 1
                yield each
        finally:
            # As a real one, which lets go of what it reads.
            await asyncio.sleep(0)
            self.is_open, self.is_closed = False, True

    def give(self, *values: str | Exception | None) -> None:
        """Put them in."""
        for value in values:
            self.given.put_nowait(value)


class Plain(StreamWriter[str, str]):
    """Writes what it is given, and nothing for an empty piece."""

    def __init__(self, beginning: str = "", ending: str = "") -> None:
        self._beginning = beginning
        self._ending = ending

    def begin(self, index: int) -> str:
        """The beginning, with the index of the answer."""
        return self._beginning and f"{self._beginning} {index}"

    def feed(self, index: int, event: str) -> str:
        """The event; one of a `?` cannot be written."""
        if event == "?":
            raise ValueError("it cannot be written")
        return event

    def fail(self, error: ApiError) -> str:
        """Status and message."""
        return f"{error.status} {error.message}"

    def end(self) -> str:
        """The ending."""
        return self._ending


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test, which never waits for long."""

    async def limited() -> None:
        async with asyncio.timeout(10):
            await work

    asyncio.run(limited())


def test_values_come_as_they_are_given() -> None:
    async def work() -> None:
        first, second = Source(), Source()
        merged = fan_in([first.values(), second.values()])
        for source, value in ((second, "a"), (first, "b"), (second, "c"), (first, "d")):
            source.give(value)
            assert await anext(merged) == value
        first.give(None)
        second.give("e", None)
        assert [each async for each in merged] == ["e"]
        assert first.is_closed
        assert second.is_closed

    run(work())


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_first_error_ends_all(failing: int) -> None:
    async def work() -> None:
        sources = [Source() for _ in range(3)]
        merged = fan_in([source.values() for source in sources])
        sources[0].give("a")
        assert await anext(merged) == "a"
        sources[failing].give(ValueError("it broke"))
        with pytest.raises(ValueError, match="it broke"):
            await anext(merged)
        assert all(source.is_closed for source in sources)
        assert [each async for each in merged] == []

    run(work())


def test_what_came_before_an_error_is_told() -> None:
    async def work() -> None:
        source = Source()
        source.give("a", "b", ValueError("it broke"))
        merged = fan_in([source.values()])
        assert [await anext(merged), await anext(merged)] == ["a", "b"]
        with pytest.raises(ValueError, match="it broke"):
            await anext(merged)

    run(work())


def test_a_source_that_is_cancelled_from_inside_is_not_waited_for() -> None:
    async def cancelled() -> AsyncGenerator[str, None]:
        yield "a"
        raise asyncio.CancelledError

    async def work() -> None:
        assert [each async for each in fan_in([cancelled()])] == ["a"]

    run(work())


def test_all_are_closed_when_the_reader_goes() -> None:
    async def work() -> None:
        sources = [Source() for _ in range(3)]
        merged = fan_in([source.values() for source in sources])
        sources[1].give("a", "b", "c")
        assert await anext(merged) == "a"
        await merged.aclose()
        assert all(source.is_closed for source in sources)

    run(work())


def test_all_are_closed_when_the_reader_is_cancelled() -> None:
    async def work() -> None:
        sources = [Source(), Source()]

        async def read() -> None:
            merged = fan_in([each.values() for each in sources])
            async with contextlib.aclosing(merged):
                async for _ in merged:
                    pass

        reading = asyncio.create_task(read())
        sources[0].give("a")
        while not sources[0].num_read:
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert all(source.is_closed for source in sources)

    run(work())


def test_a_slow_reader_holds_the_sources_back() -> None:
    async def work() -> None:
        source = Source()
        count = 3 * module._MOST_HELD
        source.give(*map(str, range(count)), None)
        merged = fan_in([source.values()])
        assert await anext(merged) == "0"
        for _ in range(2 * count):
            await asyncio.sleep(0)
        # The one that was read made room for another, and one more waits for a place.
        assert source.num_read <= module._MOST_HELD + 2
        assert [each async for each in merged] == [str(at) for at in range(1, count)]

    run(work())


def test_signs_are_given_while_all_are_silent() -> None:
    async def work() -> None:
        sources = [Source(), Source()]
        merged = fan_in([source.values() for source in sources], 0.01, "?", "!")
        assert [await anext(merged) for _ in range(4)] == ["?", "!", "?", "!"]
        sources[1].give("a", None)
        assert await anext(merged) == "a"
        assert await anext(merged) == "?"
        sources[0].give(None)
        assert {each async for each in merged} <= {"!"}

    run(work())


def test_all_are_closed_where_every_wait_is_cancelled() -> None:
    """As when a client goes: its scope cancels whatever waits in it, again and again."""

    async def work() -> None:
        sources = [Source(), Source()]
        merged = fan_in([source.values() for source in sources])
        sources[0].give("a")
        with anyio.CancelScope() as scope:
            async with contextlib.aclosing(merged):
                async for _ in merged:
                    scope.cancel()
        assert scope.cancelled_caught
        assert all(source.is_closed for source in sources)

    run(work())


class Answers:
    """Stands for the service: what runs until it is forgotten, and the events of a turn."""

    def __init__(self, events: AsyncGenerator[Any, None] | None = None) -> None:
        self.forgotten: list[object] = []
        self._events = events

    def forget(self, running: Sequence[object]) -> None:
        """They are ended."""
        self.forgotten += running

    def events(self, turn: object) -> AsyncGenerator[Any, None]:
        """The events that were given."""
        assert self._events is not None
        return self._events


def streamed(service: Answers, sources: list[Source], writer: Plain) -> AsyncGenerator[str, None]:
    """The stream of some answers."""
    running: Any = list(range(len(sources)))
    some: Any = service
    return stream_events(some, running, [source.values() for source in sources], writer)


def test_a_stream_has_beginnings_and_an_end() -> None:
    async def work() -> None:
        service, first, second = Answers(), Source(), Source()
        told = streamed(service, [first, second], Plain("answer", "done"))
        assert [await anext(told), await anext(told)] == ["answer 0", "answer 1"]
        second.give("", "a", None)
        assert await anext(told) == "a"
        assert service.forgotten == []
        first.give(None)
        assert [each async for each in told] == ["done"]
        assert service.forgotten == [0, 1]

    run(work())


@pytest.mark.parametrize("num", [1, 2])
@pytest.mark.parametrize(
    ("given", "told", "is_logged"),
    [
        (RequestError("it is too long"), "400 it is too long", False),
        (ApiError(429, "there are many"), "429 there are many", False),
        (EngineError("it has ended"), "500 it has ended", True),
        (ZeroDivisionError("1 / 0"), "500 the server failed: ZeroDivisionError", True),
        ("?", "500 the server failed: ValueError", True),
    ],
)
def test_an_error_is_told_and_ends_the_stream(
    caplog: pytest.LogCaptureFixture, given: str | Exception, told: str, is_logged: bool, num: int
) -> None:
    async def work() -> None:
        service, sources = Answers(), [Source() for _ in range(num)]
        stream = streamed(service, sources, Plain(ending="done"))
        sources[-1].give("a", given)
        assert [each async for each in stream] == ["a", told, "done"]
        assert service.forgotten == [*range(num)]
        assert all(source.is_closed for source in sources)

    with caplog.at_level(logging.ERROR, "gptoss.server"):
        run(work())
    assert [record.exc_info is not None for record in caplog.records] == [True] * is_logged


@pytest.mark.parametrize("num", [1, 2])
@pytest.mark.parametrize("num_read", [1, 2])
def test_all_are_ended_when_nobody_reads_on(num_read: int, num: int) -> None:
    async def work() -> None:
        service, sources = Answers(), [Source() for _ in range(num)]
        told = streamed(service, sources, Plain("answer", "done"))
        sources[0].give("a")
        for _ in range(num_read):
            await anext(told)
        await told.aclose()
        assert service.forgotten == [*range(num)]
        assert not any(source.is_open for source in sources)

    run(work())


class Reading:
    """A turn whose prompt is read as the test says; it stays at the last step."""

    def __init__(self, *steps: Progress) -> None:
        self._steps = list(steps)

    @property
    def progress(self) -> Progress:
        """The next step."""
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


def _step(read: int, *, is_over: bool = False) -> Progress:
    return Progress(total=9, cached=2, read=read, is_waiting=not read, is_over=is_over)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([_step(0), _step(4), _step(4), _step(9)], [0, 4, 4]),
        ([_step(9)], []),
        ([_step(9, is_over=True)], []),
    ],
)
def test_progress_is_told_until_all_is_read(steps: list[Progress], told: list[int]) -> None:
    async def work() -> None:
        source = Source()
        service: Any = Answers(source.values())
        turn: Any = Reading(*steps)
        events: Any = turn_events(service, turn, 0.0)
        assert [(await anext(events)).read for _ in told] == told
        source.give("a", "b", None)
        last, *rest = [each async for each in events]
        assert last.read == last.total == 9
        assert rest == ["a", "b"]
        assert source.is_closed


def test_a_prompt_that_was_never_read_has_no_end() -> None:
    """As of a turn that is ended while it waits."""

    async def work() -> None:
        source = Source()
        service: Any = Answers(source.values())
        turn: Any = Reading(_step(0), _step(4, is_over=True))
        events: Any = turn_events(service, turn, 0.0)
        assert (await anext(events)).read == 0
        source.give("a", None)
        assert [each for each in [each async for each in events] if each == "a"] == ["a"]

    run(work())


def test_progress_that_was_not_seen_is_told_at_its_end() -> None:
    """A turn that was faster than whoever asks."""

    async def work() -> None:
        source = Source()
        service: Any = Answers(source.values())
        turn: Any = Reading(_step(0), _step(9, is_over=True))
        events: Any = turn_events(service, turn, 3600.0)
        assert (await anext(events)).read == 0
        source.give("a", None)
        assert (await anext(events)).read == 9
        assert [each async for each in events] == ["a"]

    run(work())


def test_the_last_progress_is_told_before_the_first_event_and_does_not_hold_it_back() -> None:
    async def work() -> None:
        source = Source()
        service: Any = Answers(source.values())
        turn: Any = Reading(_step(4), _step(9))
        events: Any = turn_events(service, turn, 3600.0)
        assert (await anext(events)).read == 4
        source.give("a", None)
        assert (await anext(events)).read == 9
        assert [each async for each in events] == ["a"]

    run(work())


@pytest.mark.parametrize("error", [None, ValueError("it broke")])
def test_events_are_closed_while_progress_is_told(error: Exception | None) -> None:
    async def work() -> None:
        source = Source()
        service: Any = Answers(source.values())
        turn: Any = Reading(_step(4), _step(5))
        events = turn_events(service, turn, 0.0)
        await anext(events)
        if error is None:
            await anext(events)
        else:
            source.give(error)
            with pytest.raises(ValueError, match="it broke"):
                await anext(events)
        await events.aclose()
        assert source.is_closed

    run(work())


def test_without_progress_there_are_the_events_alone() -> None:
    async def work() -> None:
        source = Source()
        service: Any = Answers(source.values())
        turn: Any = Reading()
        source.give("a", None)
        events: Any = turn_events(service, turn, None)
        assert [each async for each in events] == ["a"]

    run(work())
