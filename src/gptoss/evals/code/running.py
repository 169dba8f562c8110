"""Has programs tested on threads of their own, few at a time, and stopped when nobody waits for them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from gptoss.kernels import available_threads
from gptoss.tools.sandbox import Interruption

T = TypeVar("T")


@cache
def _testers() -> ThreadPoolExecutor:
    """Threads for half of the cores: the others have a model to run, and times are measured."""
    return ThreadPoolExecutor(max(1, available_threads() // 2), "graders")


async def tested(work: Callable[[Interruption], T]) -> T:
    """What work gives on one of the threads; when the task is cancelled, so is the work."""
    interruption = Interruption()
    running = asyncio.get_running_loop().run_in_executor(_testers(), work, interruption)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        interruption.set()
        # A second cancel would leave the work behind with nobody to close its descriptor.
        await asyncio.wait([running])
        raise
    finally:
        interruption.close()
