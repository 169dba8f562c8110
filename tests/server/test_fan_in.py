"""Several streams as one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any

import pytest

from gptoss.chat.turn import Progress
from gptoss.server import fan_in as module
from gptoss.server.fan_in import fan_in, progress_of


class Source:
    """Gives what is put into it, until it is told to end; `is_closed` once it is."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.num_read = 0
        self.is_closed = False

    async def values(self) -> AsyncGenerator[str, None]:
        """What was put in; an error is raised."""
        try:
            while (each := await self.given.get()) is not None:
                if isinstance(each, BaseException):
                    raise each
                self.num_read += 1
                yield each
        finally:
            # As a real one, which lets go of what it reads.
            await asyncio.sleep(0)
            self.is_closed = True

    def give(self, *values: str | Exception | None) -> None:
        """Put them in."""
        for value in values:
            self.given.put_nowait(value)


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


def test_it_ends_with_the_last_source_whatever_progress_does() -> None:
    async def work() -> None:
        first, second, progress = Source(), Source(), Source()
        merged = fan_in([first.values(), second.values()], progress.values())
        progress.give("1 of 2")
        assert await anext(merged) == "1 of 2"
        first.give(None)
        second.give("a")
        assert await anext(merged) == "a"
        second.give(None)
        assert [each async for each in merged] == []
        assert progress.is_closed

    run(work())


def test_answers_go_on_where_progress_has_ended() -> None:
    async def work() -> None:
        answer, progress = Source(), Source()
        merged = fan_in([answer.values()], progress.values())
        progress.give("2 of 2", None)
        assert await anext(merged) == "2 of 2"
        for value in "abc":
            answer.give(value)
            assert await anext(merged) == value
        answer.give(None)
        assert [each async for each in merged] == []

    run(work())


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_first_error_ends_all(failing: int) -> None:
    async def work() -> None:
        sources = [Source() for _ in range(3)]
        merged = fan_in([source.values() for source in sources[:2]], sources[2].values())
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
        merged = fan_in([source.values() for source in sources[:2]], sources[2].values())
        sources[1].give("a", "b", "c")
        assert await anext(merged) == "a"
        await merged.aclose()
        assert all(source.is_closed for source in sources)

    run(work())


def test_all_are_closed_when_the_reader_is_cancelled() -> None:
    async def work() -> None:
        sources = [Source(), Source()]

        async def read() -> None:
            async with contextlib.aclosing(fan_in([each.values() for each in sources])) as merged:
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


class Reading:
    """A turn whose prompt is read as the test says."""

    def __init__(self, *steps: Progress) -> None:
        self._steps: Iterator[Progress] = iter(steps)

    @property
    def progress(self) -> Progress:
        """The next step."""
        return next(self._steps)


def _step(read: int, *, is_over: bool = False) -> Progress:
    return Progress(total=9, cached=2, read=read, is_waiting=not read, is_over=is_over)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([_step(0), _step(4), _step(4), _step(9), _step(9)], [0, 4, 4, 9]),
        ([_step(9)], [9]),
        ([_step(0), _step(4, is_over=True)], [0]),
        ([_step(9, is_over=True)], []),
    ],
)
def test_progress_is_told_until_all_is_read(steps: list[Progress], told: list[int]) -> None:
    async def work() -> None:
        turn: Any = Reading(*steps)
        assert [each.read async for each in progress_of(turn, 0.0)] == told

    run(work())
