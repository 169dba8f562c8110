"""Turns of a loaded model, finished one after the other or beside each other, beside an event loop."""

from __future__ import annotations

import contextlib
import math

from gptoss.chat.events import TurnFinished
from gptoss.chat.own_thread import on_own_thread
from gptoss.chat.reply import Reply
from gptoss.chat.request import TurnRequest
from gptoss.chat.turn import Turn, begin_turns
from gptoss.runtime.loaded_model import LoadedModel


async def finished_turn(model: LoadedModel, request: TurnRequest) -> Reply:
    """The reply to a request for one turn; a cancel ends what runs. Raises RequestError as `begin_turns` does."""

    def begin() -> Turn:
        (turn,) = begin_turns(model, request)
        return turn

    # A grammar may have to be compiled, and a long prompt takes its time to be rendered.
    turn = await on_own_thread(begin)
    async with contextlib.aclosing(turn.events_async(math.inf)) as events:
        async for event in events:
            if isinstance(event, TurnFinished):
                return event.reply
    raise AssertionError("a turn ends with TurnFinished")


def places(model: LoadedModel) -> int:
    """Turns to have at once: those that run, and some that wait, so that no place is empty for a moment."""
    running = model.options.max_running
    return running + max(1, running // 2)
