"""Turns of a loaded model, finished one after the other or beside each other, beside an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gptoss.chat.events import TextTokens, TurnFinished
from gptoss.chat.reply import Reply
from gptoss.chat.request import TurnRequest
from gptoss.chat.turn import Turn, begin_turns
from gptoss.engine import Token
from gptoss.runtime.loaded_model import LoadedModel

# A thread for each turn would keep the loop waiting until it has started: as long as the engine holds the interpreter.
_BEGINNERS = ThreadPoolExecutor(2, "gptoss-begin")


@dataclass(frozen=True, slots=True)
class FinishedTurn:
    """A turn that is over; `tokens` of its text, where their logprobs were asked for."""

    reply: Reply
    tokens: tuple[Token, ...] = ()


async def finished_turns(model: LoadedModel, request: TurnRequest) -> list[FinishedTurn]:
    """The turns that a request asks for; a cancel ends what runs. Raises RequestError as `begin_turns` does."""
    turns = await _begun(model, request)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_finished(turn)) for turn in turns]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def finished_turn(model: LoadedModel, request: TurnRequest) -> Reply:
    """The reply to a request for one turn, as `finished_turns`."""
    (turn,) = await _begun(model, request)
    return (await _finished(turn)).reply


async def _begun(model: LoadedModel, request: TurnRequest) -> list[Turn]:
    # A grammar may have to be compiled, and a long prompt takes its time to be rendered.
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_BEGINNERS, begin_turns, model, request)


async def _finished(turn: Turn) -> FinishedTurn:
    tokens: list[Token] = []
    async with contextlib.aclosing(turn.events_async(math.inf)) as events:
        async for event in events:
            if isinstance(event, TextTokens):
                tokens += event.tokens
            elif isinstance(event, TurnFinished):
                return FinishedTurn(event.reply, tuple(tokens))
    raise AssertionError("a turn ends with TurnFinished")


def places(model: LoadedModel) -> int:
    """Turns to have at once: those that run, and some that wait, so that no place is empty for a moment."""
    running = model.options.max_running
    return running + max(1, running // 2)
