"""Work on many jobs: in their order, so many at once, and none left behind."""

from __future__ import annotations

import asyncio

import pytest

from gptoss.batch.at_once import for_each


def test_so_many_at_once_and_no_job_early() -> None:
    running: set[int] = set()
    most, taken, done = 0, 0, []

    def jobs():  # type: ignore[no-untyped-def]
        nonlocal taken
        for number in range(50):
            taken += 1
            yield number

    async def work(number: int) -> None:
        nonlocal most
        running.add(number)
        most = max(most, len(running))
        assert taken - len(done) <= 4
        await asyncio.sleep(0.001 * (number % 3))
        running.remove(number)
        done.append(number)

    asyncio.run(for_each(jobs(), work, at_once=4))
    assert sorted(done) == list(range(50))
    assert most == 4


def test_an_error_ends_all() -> None:
    ended = []

    async def work(number: int) -> None:
        if number == 3:
            raise ValueError("three")
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(number)

    with pytest.raises(ValueError, match="three"):
        asyncio.run(for_each(range(100), work, at_once=4))
    assert sorted(ended) == [0, 1, 2]


def test_a_cancel_ends_all() -> None:
    ended = []

    async def work(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(number)

    async def main() -> None:
        task = asyncio.create_task(for_each(range(9), work, at_once=2))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sorted(ended) == [0, 1]


def test_nothing_to_do() -> None:
    async def work(_: object) -> None:
        raise AssertionError

    asyncio.run(for_each([], work, at_once=3))
