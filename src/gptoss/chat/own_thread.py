"""Work beside an event loop that may take as long as it likes: on a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

_Result = TypeVar("_Result")


async def on_own_thread(work: Callable[[], _Result]) -> _Result:
    """The result of some work. Whoever is cancelled leaves it behind: it ends alone, and nobody hears of it.

    The loop's own threads are few, and shared with all else that must not wait for a person or for a place; and a loop
    that ends waits for them.
    """
    future: Future[_Result] = Future()
    context = contextvars.copy_context()
    target = partial(context.run, _run, work, future)
    threading.Thread(target=target, name="gptoss-turn", daemon=True).start()
    return await asyncio.wrap_future(future)


def _run(work: Callable[[], _Result], future: Future[_Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
