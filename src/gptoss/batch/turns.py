"""Turns of a loaded model, finished one after the other or beside each other, beside an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
from concurrent.futures import ThreadPoolExecutor

from gptoss.chat.events import TurnFinished
from gptoss.chat.reply import Reply
from gptoss.chat.request import TurnRequest
from gptoss.chat.turn import Turn, begin_turns
from gptoss.runtime.loaded_model import LoadedModel

# A thread for each turn would keep the loop waiting until it has started: as long as the engine holds the interpreter.
_BEGINNERS = ThreadPoolExecutor(2, "gptoss-begin")


async def finished_turn(model: LoadedModel, request: TurnRequest) -> Reply:
    """The reply to a request for one turn; a cancel ends what runs. Raises RequestError as `begin_turns` does."""

    def begin() -> Turn:
        (turn,) = begin_turns(model, request)
        return turn

    # A grammar may have to be compiled, and a long prompt takes its time to be rendered.
    turn = await asyncio.get_running_loop().run_in_executor(_BEGINNERS, begin)
    async with contextlib.aclosing(turn.events_async(math.inf)) as events:
        async for event in events:
            if isinstance(event, TurnFinished):
                return event.reply
    raise AssertionError("a turn ends with TurnFinished")


def places(model: LoadedModel) -> int:
    """Turns to have at once: those that run, and some that wait, so that no place is empty for a moment."""
    running = model.options.max_running
    return running + max(1, running // 2)
