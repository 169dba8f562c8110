"""One assistant turn over a conversation: render, generate, parse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from gptoss import harmony
from gptoss.chat.events import TurnEvent, TurnFinished
from gptoss.chat.prompt import num_shared, opening_of
from gptoss.chat.reasoning_budget import ReasoningBudget
from gptoss.chat.reply import Reply, Usage
from gptoss.engine import EVERYBODY, FinishReason, Generation, Owner, SamplingParams, Token
from gptoss.errors import RequestError, SchemaError
from gptoss.harmony import (
    ContentDelta,
    Event,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
)
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.structured import MAX_COMPILE_S, CompiledTurn, Constraint
from gptoss.tokenizer.limited import LimitedTokenizer
from gptoss.tokenizer.stop_strings import StopStrings

_Piece = ReasoningDelta | ContentDelta | PreambleDelta | ToolCallDelta


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Where a turn ends.

    max_tokens        new tokens at most, reasoning included; None: what the context holds
    reasoning_tokens  tokens of the chain of thought at most, after which the answer begins; None: no limit
    stop              strings that end the answer, and are no part of it
    """

    max_tokens: int | None = None
    reasoning_tokens: int | None = None
    stop: tuple[str, ...] = ()


class Turn:
    """An assistant's turn that is being generated; `begin_turns` makes them."""

    def __init__(
        self,
        generation: Generation,
        parser: harmony.Parser,
        budget: ReasoningBudget,
        stop: tuple[str, ...],
        not_enforced: tuple[str, ...],
        begun: harmony.Message | None,
    ) -> None:
        self._begun = begun
        self._generation = generation
        self._parser = parser
        self._budget = budget
        self._stops = StopStrings(stop)
        self._not_enforced = not_enforced
        # Of the message of the answer that is being read, as far as it is sure to stay.
        self._kept: list[str] = []
        self._reasoning_tokens = 0
        self._answer_tokens: list[Token] = []

    @property
    def answer_tokens(self) -> Sequence[Token]:
        """Those of the answer that were read so far, with their logprobs if these were asked for."""
        return self._answer_tokens

    @property
    def stop_string(self) -> str | None:
        """The stop string that ended the answer, once one has."""
        return self._stops.found

    @property
    def generation(self) -> Generation:
        """The engine's side of it: progress, seed, timings."""
        return self._generation

    def events(self) -> Iterator[TurnEvent]:
        """Its events as they come, last a TurnFinished; closing the iterator ends the generation."""
        try:
            for token in self._generation.tokens():
                yield from self._read(token)
                if self._stops.found is not None:
                    break
        finally:
            self._end()
        yield from self._close()

    async def events_async(self, pace_s: float = 0.0) -> AsyncGenerator[TurnEvent, None]:
        """As `events`, for an event loop; with a pace, deltas that come faster than that are put together."""
        try:
            async with contextlib.aclosing(self._generation.batches_async()) as batches:
                async for batch in batches:
                    found = self._read_batch(batch)
                    for event in together(found) if pace_s else found:
                        yield event
                    if self._stops.found is not None:
                        self._end()
                        break
                    if pace_s and self._generation.finish_reason is None:
                        await asyncio.sleep(pace_s)
        finally:
            self._end()
        for last in self._close():
            yield last

    def answer_now(self) -> None:
        """End the chain of thought and begin the answer; harmless where that has begun."""
        self._budget.close()

    def cancel(self) -> None:
        """End the generation; `events` then gives what there is, with the finish reason `cancelled`."""
        self._generation.cancel()

    def _end(self) -> None:
        is_stopped = self._stops.found is not None
        self._generation.finish(FinishReason.STOP if is_stopped else FinishReason.CANCELLED)

    def _read_batch(self, batch: list[Token]) -> list[Event]:
        found: list[Event] = []
        for token in batch:
            found += self._read(token)
            if self._stops.found is not None:
                break
        return found

    def _read(self, token: Token) -> Iterator[Event]:
        was_answering = self._parser.is_answering
        events = self._parser.feed(token.id)
        if was_answering and self._parser.is_answering:
            self._answer_tokens.append(token)
        for event in events:
            yield from self._filter(event)
        self._reasoning_tokens += self._parser.is_reasoning

    def _filter(self, event: Event) -> Iterator[Event]:
        """The event, or what of the answer is sure to stay."""
        if not isinstance(event, ContentDelta):
            yield from self._released(self._stops.finish())
            self._kept.clear()
            yield event
        elif self._stops.found is None:
            yield from self._released(self._stops.feed(event.text))

    def _released(self, text: str) -> Iterator[Event]:
        if text:
            self._kept.append(text)
            yield ContentDelta(text)

    def _close(self) -> Iterator[TurnEvent]:
        for event in self._parser.close():
            yield from self._filter(event)
        yield from self._released(self._stops.finish())
        yield TurnFinished(self._reply())

    def _reply(self) -> Reply:
        generation = self._generation
        messages, repairs = self._parser.finish()
        if self._begun is not None:
            whole = messages[0].text
            messages = [replace(messages[0], content=whole[len(self._begun.text) :]), *messages[1:]]
        if self._stops.found is not None:
            messages = [*messages[:-1], replace(messages[-1], content="".join(self._kept))]
        timings = generation.timings
        usage = Usage(
            timings.prompt_tokens,
            timings.completion_tokens,
            self._reasoning_tokens,
            timings.cached_tokens,
        )
        reason = generation.finish_reason or FinishReason.CANCELLED
        reply = Reply.of(messages, repairs, reason, usage, timings, generation.seed)
        return replace(
            reply,
            is_reasoning_cut=self._budget.has_closed,
            loop=generation.loop,
            not_enforced=self._not_enforced,
        )


def begin_turns(
    model: LoadedModel,
    conversation: harmony.Conversation,
    sampling: SamplingParams,
    limits: TurnLimits | None = None,
    compiled: CompiledTurn | None = None,
    num: int = 1,
    begun: harmony.Message | None = None,
    *,
    owner: str = EVERYBODY,
    is_gone: Callable[[], bool] = lambda: False,
) -> list[Turn]:
    """The assistant's next turn, in `num` ways, generating from now on. All are begun, or none.

    compiled  what the turn is held to; None: nothing, the model may write whatever it likes
    begun     the turn's first message, of analysis or final, as far as it is written; it is gone on with, and what
              stands there is neither told nor counted again
    owner     whose it is: see `gptoss.engine.Owner`
    is_gone   asked while a long conversation is read: whether nobody waits for the turn any more

    Raises RequestError, before anything is generated and before more than that is read, for a conversation that does
    not fit, and SchemaError for a beginning that breaks the rules.
    """
    limits = limits or TurnLimits()
    tokenizer = model.tokenizer
    declared = harmony.declared_recipients(conversation)
    reader = LimitedTokenizer(tokenizer, model.context, is_gone)
    rendered = harmony.render(conversation, reader)
    start, prompt = len(rendered), [*rendered, *opening_of(begun, reader)]
    whose = Owner(owner, num_shared(conversation, prompt, model))
    requests, budgets = [], []
    began = time.thread_time()
    for index in range(num):
        held: tuple[Constraint, ...] = ()
        if compiled is not None:
            if is_gone():
                raise RequestError("the caller has gone")
            held = (model.turns.constraint(compiled, start),)
            if time.thread_time() - began > MAX_COMPILE_S:
                raise SchemaError(
                    f"the schemas take more than {MAX_COMPILE_S:.0f} s to compile for {index + 1} of {num} answers; "
                    "ask for fewer, or with smaller schemas"
                )
            if begun is not None:
                _check_beginning(held[0], prompt)
        budget = ReasoningBudget(tokenizer, start, limits.reasoning_tokens, *held)
        request = model.request(
            prompt,
            sampling,
            max_tokens=limits.max_tokens,
            processors=held,
            guides=(budget, *held),
            owner=whose,
        )
        requests.append(request.for_answer(index))
        budgets.append(budget)
    not_enforced = compiled.not_enforced if compiled is not None else ()

    def parser() -> harmony.Parser:
        made = harmony.Parser(tokenizer, recipients=declared)
        for token_id in prompt[start:]:
            made.feed(token_id)
        return made

    return [
        Turn(generation, parser(), budget, limits.stop, not_enforced, begun)
        for generation, budget in zip(model.submit_all(requests), budgets, strict=True)
    ]


def _check_beginning(constraint: Constraint, prompt: Sequence[int]) -> None:
    try:
        constraint.forced(prompt)
    except SchemaError:
        raise SchemaError(
            "got a beginning of the turn that its response format, tools or tool choice do not allow; "
            "leave it out, or ask for what it began"
        ) from None


def together(events: Sequence[Event]) -> list[Event]:
    """The same, neighbouring pieces of one text as one."""
    found: list[Event] = []
    for kind, group in groupby(events, key=_text_kind):
        pieces = list(group)
        if kind is None or len(pieces) == 1:
            found += pieces
        else:
            # Joined at once: a reader who was slow has many to catch up on.
            found.append(_joined([piece for piece in pieces if isinstance(piece, _Piece)]))
    return found


def _joined(pieces: Sequence[_Piece]) -> Event:
    text = "".join(piece.text for piece in pieces)
    match pieces[0]:
        case ToolCallDelta(index, _):
            return ToolCallDelta(index, text)
        case first:
            return type(first)(text)


def _text_kind(event: Event) -> tuple[type[Event], int] | None:
    """Return the text that it is a piece of, if it is one."""
    match event:
        case ToolCallDelta(index, _):
            return ToolCallDelta, index
        case ReasoningDelta() | ContentDelta() | PreambleDelta():
            return type(event), 0
    return None


def limits_of(
    max_tokens: int | None, reasoning_tokens: int | None, stop: str | Sequence[str]
) -> TurnLimits:
    """Limits as a caller says them: one stop string or several."""
    strings = (stop,) if isinstance(stop, str) else tuple(stop)
    return TurnLimits(max_tokens, reasoning_tokens, strings)
