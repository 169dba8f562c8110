"""Begins turns on the threads of the pools: plain ones at once, those with slow grammars behind each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gptoss.chat.request import TurnRequest
from gptoss.chat.turn import Turn, begin_turns
from gptoss.runtime import LoadedModel
from gptoss.server.pool import IsGone
from gptoss.server.pools import Pools
from gptoss.structured import CompiledTurn
from gptoss.tokenizer.limited import LimitedTokenizer

# What takes so long to compile is begun where grammars are compiled, although it is stored.
_SLOW_GRAMMAR_S = 0.02
# Makes a turn's request of what a client sent; it is told whether the client has left.
Ask = Callable[[IsGone], TurnRequest]


@dataclass(frozen=True, slots=True)
class Started:
    """A request, and its turns, which generate."""

    request: TurnRequest
    turns: list[Turn]

    def cancel(self) -> None:
        """End them: nobody will read what a thread began."""
        for turn in self.turns:
            turn.cancel()


class Starter:
    """Begins the turns of one owner over one model."""

    def __init__(self, model: LoadedModel, pools: Pools, owner: str) -> None:
        self._model = model
        self._pools = pools
        self._owner = owner

    async def start(self, ask: Ask) -> Started:
        """The turn that `ask` makes of a request, in all its ways, or none.

        Raises GptossError for what cannot be met, QueueFullError where too much waits. What compiles a grammar waits
        for others that do, and nothing else waits for it.
        """
        found = await self._pools.prompts.run(self._owner, partial(self._read, ask), _discard)
        if isinstance(found, TurnRequest):
            work = partial(self._compile_and_begin, found)
            found = await self._pools.compilers.run(self._owner, work, _discard)
        return found

    def _read(self, ask: Ask, is_gone: IsGone) -> TurnRequest | Started:
        """The turns where their grammar is at hand, else the request that needs one."""
        request = ask(is_gone)
        model = self._model
        compiled = model.turns.stored(request.rules)
        if compiled is None or compiled.seconds > _SLOW_GRAMMAR_S:
            # What does not fit is refused before it is compiled for.
            request.prompt(LimitedTokenizer(model.tokenizer, model.context, is_gone))
            return request
        return self._begin(request, compiled, is_gone)

    def _compile_and_begin(self, request: TurnRequest, is_gone: IsGone) -> Started:
        return self._begin(request, self._model.turns.compile(request.rules, is_gone), is_gone)

    def _begin(self, request: TurnRequest, compiled: CompiledTurn, is_gone: IsGone) -> Started:
        turns = begin_turns(self._model, request, compiled, owner=self._owner, is_gone=is_gone)
        return Started(request, turns)


def _discard(found: TurnRequest | Started) -> None:
    if isinstance(found, Started):
        found.cancel()
