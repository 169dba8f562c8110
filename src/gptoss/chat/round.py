"""One generation of a turn: its tokens read, parsed and counted."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace

from gptoss import harmony
from gptoss.chat.events import TextTokens, TurnEvent, together
from gptoss.chat.reading import Reading
from gptoss.chat.reasoning_budget import ReasoningBudget
from gptoss.chat.reply import Reply, Usage
from gptoss.engine import FinishReason, Generation, Token
from gptoss.harmony import (
    ContentDelta,
    Event,
    MessageFinished,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.tokenizer.stop_strings import StopStrings

# Behind a stop string, nothing is generated for longer.
_LONGEST_PACE_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the prompt is read.

    total      its tokens
    cached     those that were there already
    read       those that are computed or were there
    is_waiting whether the engine has not come to it yet
    is_over    whether the turn has ended
    """

    total: int
    cached: int
    read: int
    is_waiting: bool
    is_over: bool


class Round:
    """What the model writes until it answers or calls tools."""

    def __init__(
        self,
        generation: Generation,
        parser: harmony.Parser,
        budget: ReasoningBudget,
        stop: tuple[str, ...],
        not_enforced: tuple[str, ...] = (),
        continuation: harmony.Message | None = None,
        num_calls: int = 0,
    ) -> None:
        """`num_calls`: of the turn's rounds before this one, which its calls are counted behind."""
        self._continuation = continuation
        self._num_calls = num_calls
        self._ids: list[int] = []
        self._reply_made: Reply | None = None
        # Whether the end of the message in which a stop string was found has been told.
        self._has_ended = False
        self._generation = generation
        self._parser = parser
        self._budget = budget
        self._stop, self._stops = stop, StopStrings(stop)
        self._not_enforced = not_enforced
        self._reading = Reading()
        self._tells_tokens = generation.request.sampling.logprobs is not None
        # Those that were read: more may have been generated than what ended the answer.
        self._num_tokens = self._reasoning_tokens = 0

    @property
    def token_ids(self) -> list[int]:
        """The prompt, and what was generated behind it."""
        return [*self._generation.request.token_ids, *self._ids]

    @property
    def reply(self) -> Reply:
        """What it came to, once its events have ended."""
        assert self._reply_made is not None
        return self._reply_made

    @property
    def stop_string(self) -> str | None:
        """The stop string that ended the answer, once one has."""
        return self._stops.found

    @property
    def progress(self) -> Progress:
        """How far the prompt is read, up to now."""
        generation = self._generation
        read, has_ended = generation.num_prefilled, generation.finish_reason is not None
        return Progress(
            total=len(generation.request.token_ids),
            cached=generation.timings.cached_tokens,
            read=read,
            is_waiting=not read and not has_ended,
            is_over=has_ended,
        )

    def events(self) -> Iterator[TurnEvent]:
        """Its events as they come; then there is a reply. Closing the iterator ends the generation."""
        try:
            for token in self._generation.tokens():
                for event in self._read(token):
                    self._reading.feed(event)
                    yield event
                if self._stops.found is not None:
                    break
        finally:
            self._end()
        yield from self._close()

    async def events_async(self, pace_s: float = 0.0) -> AsyncGenerator[TurnEvent, None]:
        """As `events`, for an event loop; with a pace, deltas that come faster than that are put together.

        A pace of infinity: all at the end, unless a stop string may end it before.
        """
        at_end = math.isinf(pace_s) and not self._stop
        pace_s = min(pace_s, _LONGEST_PACE_S)
        try:
            made = self._generation.batches_async(at_end=at_end)
            async with contextlib.aclosing(made) as batches:
                async for batch in batches:
                    found = self._read_batch(batch)
                    for event in together(found) if pace_s else found:
                        self._reading.feed(event)
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

    def _read_batch(self, batch: list[Token]) -> list[TurnEvent]:
        found: list[TurnEvent] = []
        for token in batch:
            found += self._read(token)
            if self._stops.found is not None:
                break
        return found

    def _read(self, token: Token) -> Iterator[TurnEvent]:
        was_saying = self._parser.is_saying
        self._ids.append(token.id)
        events = self._parser.feed(token.id)
        self._num_tokens += 1
        self._reasoning_tokens += self._parser.is_reasoning
        if self._tells_tokens and was_saying and self._parser.is_saying:
            yield TextTokens((token,))
        for event in events:
            yield from self._filter(event)

    def _filter(self, event: Event) -> Iterator[Event]:
        """The event, or what of the answer is sure to stay."""
        if self._num_calls and isinstance(
            event, ToolCallStarted | ToolCallDelta | ToolCallFinished
        ):
            event = replace(event, index=event.index + self._num_calls)
        if self._stops.found is not None:
            # Of all that is read with the stop string's last token, or stands open, one end is the answer's.
            if type(event) is MessageFinished and not self._has_ended:
                self._has_ended = True
                yield MessageFinished(True)
        elif isinstance(event, ContentDelta):
            yield from self._released(self._stops.feed(event.text))
        else:
            yield from self._released(self._stops.finish())
            yield event

    def _released(self, text: str) -> Iterator[Event]:
        if text:
            yield ContentDelta(text)

    def _close(self) -> Iterator[TurnEvent]:
        for closing in self._parser.close():
            for event in self._filter(closing):
                self._reading.feed(event)
                yield event
        self._reply_made = self._reply()

    def _reply(self) -> Reply:
        generation, reading = self._generation, self._reading
        messages, repairs = self._parser.finish()
        if self._continuation is not None:
            whole = messages[0].text
            messages = [
                replace(messages[0], content=whole[len(self._continuation.text) :]),
                *messages[1:],
            ]
        if self._stops.found is not None:
            messages = _up_to_stop(messages, self._stop)
        timings = generation.timings
        usage = Usage(
            timings.prompt_tokens,
            self._num_tokens,
            self._reasoning_tokens,
            timings.cached_tokens,
        )
        loop = generation.loop
        return Reply(
            content=reading.content,
            reasoning=reading.reasoning,
            tool_calls=reading.tool_calls,
            finish_reason=self._finish_reason(),
            usage=usage,
            timings=timings,
            messages=tuple(messages),
            repairs=tuple(repairs),
            seed=generation.seed,
            is_reasoning_cut=self._budget.has_closed,
            loop=loop if loop is not None and loop.num_new <= self._num_tokens else None,
            not_enforced=self._not_enforced,
        )

    def _finish_reason(self) -> FinishReason:
        if self._stops.found is not None:
            # The generation may have come to its own end while this was read.
            return FinishReason.STOP
        reason = self._generation.finish_reason or FinishReason.CANCELLED
        if reason is FinishReason.STOP and self._reading.ends_with_call:
            return FinishReason.TOOL_CALLS
        return reason


def _up_to_stop(
    messages: Sequence[harmony.Message], stop: tuple[str, ...]
) -> list[harmony.Message]:
    """The messages up to the first stop string in an answer, which is no part of it."""
    for index, message in enumerate(messages):
        if message.is_final:
            stops = StopStrings(stop)
            kept = stops.feed(message.text)
            if stops.found is not None:
                return [*messages[:index], replace(message, content=kept)]
    return list(messages)
