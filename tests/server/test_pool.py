"""Threads whose turns are shared out: order, limits, and callers who leave."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable

import pytest

from gptoss.errors import QueueFullError
from gptoss.server.pool import FairPool, IsGone


class Gate:
    """Work that says when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.was_left = False

    def __call__(self, is_gone: IsGone) -> str:
        self.begun.set()
        self.may_end.wait(10)
        self.was_left = is_gone()
        return "done"


def new_pool(threads: int = 1, most_waiting: int = 8) -> FairPool:
    return FairPool(
        "pool of this test", threads=threads, most_waiting=most_waiting, busy="busy; try again"
    )


async def held(pool: FairPool, owner: str = "") -> tuple[Gate, asyncio.Task[str]]:
    """Work that has begun."""
    gate = Gate()
    task = asyncio.create_task(pool.run(owner, gate))
    while not gate.begun.is_set():
        await asyncio.sleep(0.001)
    return gate, task


def test_owners_take_turns() -> None:
    async def main() -> None:
        pool, order = new_pool(), list[str]()
        gate, first = await held(pool)

        def work(name: str) -> Callable[[IsGone], None]:
            return lambda _: order.append(name)

        names = ["a1", "a2", "a3", "b1", "c1", "b2"]
        tasks = []
        for name in names:
            tasks.append(asyncio.create_task(pool.run(name[0], work(name))))
            await asyncio.sleep(0)
        gate.may_end.set()
        await asyncio.gather(first, *tasks)
        assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
        pool.close()

    asyncio.run(main())


@pytest.mark.parametrize(("owner", "most"), [("", 9), ("a", 6)])
def test_a_queue_that_is_full(owner: str, most: int) -> None:
    """One owner among several leaves room."""

    async def main() -> None:
        pool = new_pool(most_waiting=9)
        gate, first = await held(pool)
        tasks = [asyncio.create_task(pool.run(owner, lambda _: 1)) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="busy"):
            await pool.run(owner, lambda _: 1)
        if owner:
            tasks.append(asyncio.create_task(pool.run("b", lambda _: 1)))
        gate.may_end.set()
        assert set(await asyncio.gather(*tasks)) == {1}
        await first
        pool.close()

    asyncio.run(main())


@pytest.mark.parametrize(("owner", "num_begun"), [("", 2), ("a", 1)])
def test_no_owner_has_all_threads(owner: str, num_begun: int) -> None:
    """Others find one, however long somebody's work takes."""

    async def main() -> None:
        pool = new_pool(threads=2)
        gates = [Gate() for _ in range(2)]
        tasks = [asyncio.create_task(pool.run(owner, gate)) for gate in gates]
        while sum(gate.begun.is_set() for gate in gates) < num_begun:
            await asyncio.sleep(0.001)
        if owner:
            assert await pool.run("b", lambda _: 1) == 1
            assert not gates[1].begun.is_set()
        for gate in gates:
            gate.may_end.set()
        assert await asyncio.gather(*tasks) == ["done", "done"]
        pool.close()

    asyncio.run(main())


def test_what_waits_for_nobody_is_never_begun() -> None:
    async def main() -> None:
        pool, begun = new_pool(), list[int]()
        gate, first = await held(pool)
        tasks = [asyncio.create_task(pool.run("a", lambda _: begun.append(1))) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gate.may_end.set()
        await first
        assert await pool.run("a", lambda _: len(begun)) == 0
        pool.close()

    asyncio.run(main())


def test_what_runs_is_told_and_what_it_gives_undone() -> None:
    async def main() -> None:
        pool, undone = new_pool(), list[str]()
        gate = Gate()
        task = asyncio.create_task(pool.run("a", gate, undone.append))
        while not gate.begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.may_end.set()
        await pool.run("a", lambda _: None)
        assert gate.was_left
        assert undone == ["done"]
        pool.close()

    asyncio.run(main())


def test_a_thread_that_waits_keeps_nothing() -> None:
    class Kept:
        """Something large."""

    async def main() -> None:
        pool, kept = new_pool(), Kept()
        gone = weakref.ref(kept)
        await pool.run("a", lambda _, kept=kept: str(kept))  # type: ignore[misc]
        del kept
        while gone() is not None:
            await asyncio.sleep(0.001)
        pool.close()

    asyncio.run(asyncio.wait_for(main(), 10))


def test_an_error_is_the_callers() -> None:
    async def main() -> None:
        pool = new_pool()

        def fail(_: IsGone) -> None:
            raise ValueError("wrong")

        with pytest.raises(ValueError, match="wrong"):
            await pool.run("a", fail)
        assert await pool.run("a", lambda _: 1) == 1
        pool.close()

    asyncio.run(main())


def test_threads_are_as_many_as_are_needed_and_end() -> None:
    async def main() -> None:
        pool = new_pool(threads=2)
        assert await pool.run("a", lambda _: 1) == 1
        assert _num_threads() == 1
        (one, first), (two, second) = await held(pool), await held(pool)
        assert _num_threads() == 2
        one.may_end.set()
        two.may_end.set()
        await asyncio.gather(first, second)
        pool.close()

    asyncio.run(main())
    for thread in threading.enumerate():
        if thread.name == "pool of this test":
            thread.join(5)
    assert _num_threads() == 0


def _num_threads() -> int:
    return sum(thread.name == "pool of this test" for thread in threading.enumerate())
