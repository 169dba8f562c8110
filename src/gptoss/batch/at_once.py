"""Work on many jobs, some of them at once, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

_Job = TypeVar("_Job")


async def for_each(
    jobs: Iterable[_Job], work: Callable[[_Job], Awaitable[None]], *, at_once: int
) -> None:
    """Do the work for each job, so many at once; a job is taken only when there is room for it.

    The first error, or a cancel, ends those that run, and no further one is taken.
    """
    waiting = iter(jobs)

    async def take() -> None:
        for job in waiting:
            await work(job)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(take())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
