"""One assistant turn over a conversation: as many generations as it takes, and the tools between them."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce

from gptoss.chat.blocks import Blocks
from gptoss.chat.call_step import CallStep
from gptoss.chat.events import TurnEvent, TurnFinished
from gptoss.chat.own_thread import on_own_thread
from gptoss.chat.reading import THOUGHT_BREAK
from gptoss.chat.reply import Reply, ToolCall, Usage
from gptoss.chat.request import TurnRequest
from gptoss.chat.round import Progress, Round
from gptoss.chat.round_maker import RoundMaker
from gptoss.chat.tool_loop import ToolLoop, open_calls
from gptoss.chat.tool_policy import Cap
from gptoss.engine import EVERYBODY, FinishReason, Timings
from gptoss.errors import ContextLengthError, GptossError, RequestError
from gptoss.harmony import Message
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.structured import CompiledTurn
from gptoss.tools import ApprovalRequest

Step = Round | CallStep

_BEHIND = "a call before it waits for approval"


class Turn:
    """An assistant's turn that is being written; `begin_turns` makes them.

    Without tools that are run here it is one round. With them, each round that ends with calls is followed by these, in
    their order, and by another round behind their results, until one answers.
    """

    def __init__(
        self,
        request: TurnRequest,
        maker: RoundMaker,
        loop: ToolLoop,
        first: Round | None,
        calls: Sequence[Message] = (),
    ) -> None:
        """`first`: None where `calls`, which the conversation ends with, are run before it."""
        self._request = request
        self._maker = maker
        self._loop = loop
        self._round = self._first = first
        self._step: Step | None = first
        self._queue = deque(enumerate(calls))
        self._num_calls = len(calls)
        # Of calls that stand in the conversation, the turn has the results alone.
        self._num_before = len(calls)
        self._goes_on = bool(calls)
        self._results: list[Message] = []
        self._num_result_tokens = 0
        self._replies: list[Reply] = []
        self._blocks = Blocks()
        self._approvals: tuple[ApprovalRequest, ...] = ()
        self._is_cancelled = self._answers_now = False
        # Whether the tools were taken away before the round that is being written.
        self._is_last = False
        # Whether nobody reads on.
        self._is_left = False
        self._is_full = False

    @property
    def stop_string(self) -> str | None:
        """The stop string that ended the answer, once one has."""
        return None if self._round is None else self._round.stop_string

    @property
    def progress(self) -> Progress:
        """How far the prompt of the round is read, up to now."""
        if self._round is None:
            return Progress(total=1, cached=0, read=0, is_waiting=True, is_over=False)
        return self._round.progress

    def events(self) -> Iterator[TurnEvent]:
        """Its events as they come, last a TurnFinished; closing the iterator ends what runs."""
        try:
            while (step := self._at_hand() or self._further()) is not None:
                yield from self._entered(step).events()
                yield from self._left(step)
        finally:
            self._end()
        yield TurnFinished(self._reply())

    async def events_async(self, pace_s: float = 0.0) -> AsyncGenerator[TurnEvent, None]:
        """As `events`, for an event loop; with a pace, deltas that come faster than that are put together.

        A pace of infinity gives those of a generation at its end, which costs the loop least.
        """
        try:
            while True:
                step = self._at_hand()
                if step is None and self._goes_on:
                    # A grammar may have to be compiled, and a place waited for.
                    step = await on_own_thread(self._further)
                if step is None:
                    break
                async with contextlib.aclosing(self._entered(step).events_async(pace_s)) as events:
                    async for event in events:
                        yield event
                for event in self._left(step):
                    yield event
        finally:
            self._end()
        yield TurnFinished(self._reply())

    def answer_now(self) -> None:
        """End the chain of thought and begin the answer; harmless where that has begun."""
        self._answers_now = True
        if isinstance(self._step, Round):
            self._step.answer_now()

    def stop_tool(self) -> bool:
        """End the tool that runs, whose result says so, and let the turn go on; False where none runs."""
        step = self._step
        if not isinstance(step, CallStep):
            return False
        step.cancel()
        return True

    def cancel(self) -> None:
        """End the turn; `events` then gives what there is, with the finish reason `cancelled`."""
        self._is_cancelled = True
        if self._step is not None:
            self._step.cancel()

    def _end(self) -> None:
        self._is_left = True
        if self._step is not None:
            self._step.cancel()

    def _is_over(self) -> bool:
        """Whether nobody waits for what comes next."""
        return self._is_cancelled or self._is_left

    def _at_hand(self) -> Step | None:
        """The step that can begin at once: the first round, or the next call."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._is_cancelled or not self._queue:
            return None
        index, call = self._queue[0]
        step = self._loop.step(call, index)
        policy = self._request.policy
        if policy.pauses and policy.approve is None and step.waiting is not None:
            # Those behind it run after it, or not at all.
            steps = (self._loop.step(each, number) for number, each in self._queue)
            self._approvals = tuple(
                each.waiting or each.request(_BEHIND)
                for each in steps
                # To read on in a result is nobody's to allow.
                if each.tool is not None and each.tool is not self._loop.reader
            )
            self._queue.clear()
            self._goes_on = False
            return None
        self._queue.popleft()
        return step

    def _further(self) -> Round | None:
        """The round behind the results of all calls; None where the turn is over."""
        if not self._goes_on or self._is_cancelled:
            return None
        self._goes_on = False
        if self._is_last:
            # It has called all the same, as only turns without a grammar can, and would for ever.
            self._is_full = True
            return None
        # The round that a turn begins with may call, also behind calls that it began with.
        self._is_last = self._round is not None and not self._loop.has_tools
        used = self._usage
        limit = self._request.limits.max_tokens
        if limit is not None and used.completion_tokens >= limit:
            self._is_full = True
            return None
        results, self._results = self._results, []
        self._num_result_tokens = 0
        try:
            made = self._made(results, used)
        except ContextLengthError:
            if self._round is None:
                raise
            self._loop.capped = Cap.CONTEXT
            self._is_full = True
            return None
        except GptossError:
            if not self._is_over():
                raise
            self._goes_on = True
            return None
        # Whoever ends the turn from now on ends this; who did so before did not know of it.
        self._step = made
        if self._is_over():
            made.cancel()
        return made

    def _made(self, results: Sequence[Message], used: Usage) -> Round:
        """The round behind results, generating. Raises GptossError, also where nobody waits for it any more."""
        if self._round is None:
            return self._maker.first(
                results,
                self._is_over,
                has_tools=self._loop.has_tools,
                reader=self._loop.reader,
            )[0]
        return self._maker.following(
            self._round.token_ids,
            results,
            used,
            self._num_calls,
            seed=self._replies[0].seed,
            has_tools=self._loop.has_tools,
            reader=self._loop.reader,
            is_over=self._is_over,
        )

    def _entered(self, step: Step) -> Step:
        self._step = step
        if isinstance(step, Round):
            self._round = step
            if self._answers_now:
                step.answer_now()
        if self._is_cancelled:
            step.cancel()
        return step

    def _left(self, step: Step) -> Iterator[TurnEvent]:
        """What is told of a step that has ended, once it is counted."""
        if isinstance(step, Round):
            self._close_round(step.reply)
            return
        assert self._round is not None or self._num_before
        num_prompt = self._num_result_tokens
        # Behind calls that a conversation ends with, all of it was said before this turn.
        said = self._maker.num_said if self._round is None else len(self._round.token_ids)
        num_prompt += said
        result, event = self._loop.take(step, num_prompt)
        self._results.append(result)
        self._num_result_tokens += self._loop.last_tokens
        if step.index < self._num_before and self._round is None:
            self._blocks.say(result)
        else:
            self._blocks.result(_id_of(step.index), event.run.told)
        if not self._queue:
            self._loop.end_round()
        yield event

    def _close_round(self, reply: Reply) -> None:
        self._replies.append(reply)
        is_calling = reply.finish_reason is FinishReason.TOOL_CALLS
        num_others = 0
        for message in reply.messages:
            if not message.is_tool_call:
                self._blocks.say(message)
                continue
            self._blocks.call(message, _id_of(self._num_calls))
            if is_calling and self._loop.is_run_here(message):
                self._queue.append((self._num_calls, message))
            else:
                num_others += 1
            self._num_calls += 1
        self._goes_on = bool(self._queue) and not num_others

    @property
    def _usage(self) -> Usage:
        return reduce(Usage.__add__, (reply.usage for reply in self._replies), Usage(0, 0, 0))

    def _reply(self) -> Reply:
        replies, records = self._replies, tuple(self._loop.records)
        has_more = records or self._approvals or self._queue or self._goes_on
        if len(replies) == 1 and not has_more:
            return replies[0]
        others = [
            ToolCall((message.recipient or "").removeprefix("functions."), message.text)
            for message in (replies[-1].messages if replies else ())
            if message.is_tool_call and not self._loop.is_run_here(message)
        ]
        reply = Reply(
            content="".join(each.content for each in replies),
            reasoning=THOUGHT_BREAK.join(each.reasoning for each in replies if each.reasoning),
            tool_calls=tuple(others),
            finish_reason=self._finish_reason(),
            usage=self._usage,
            timings=sum((each.timings for each in replies), Timings()),
            messages=tuple(self._blocks.messages),
            repairs=tuple(repair for each in replies for repair in each.repairs),
            is_reasoning_cut=any(each.is_reasoning_cut for each in replies),
            tool_runs=records,
            capped=self._loop.capped,
            approvals=self._approvals,
        )
        if not replies:
            return reply
        first, last = replies[0], replies[-1]
        return replace(reply, seed=first.seed, loop=last.loop, not_enforced=first.not_enforced)

    def _finish_reason(self) -> FinishReason:
        if self._is_cancelled or not (self._replies or self._approvals):
            return FinishReason.CANCELLED
        if self._is_full:
            return FinishReason.LENGTH
        if self._approvals:
            return FinishReason.TOOL_CALLS
        return self._replies[-1].finish_reason


def _id_of(index: int) -> str:
    return f"call_{index}"


def begin_turns(
    model: LoadedModel,
    request: TurnRequest,
    compiled: CompiledTurn | None = None,
    *,
    owner: str = EVERYBODY,
    is_gone: Callable[[], bool] = lambda: False,
) -> list[Turn]:
    """The assistant's next turn, in as many ways as asked for, generating from now on. All are begun, or none.

    Where the conversation ends with calls of tools that are run here, a turn begins by running these.

    compiled  the rules of the request, compiled; None: they are compiled here
    owner     whose it is: see `gptoss.engine.Owner`
    is_gone   asked while a long conversation is read: whether nobody waits for the turn any more

    Raises RequestError, before anything is generated and before more than that is read, for a conversation that does
    not fit, or whose last calls would be run for several answers, and SchemaError for rules that cannot be kept or a
    beginning that breaks them.
    """
    maker = RoundMaker(model, request, compiled, owner, is_gone)

    def loop() -> ToolLoop:
        return ToolLoop(request, model.tokenizer, model.context)

    calls = [call for call in open_calls(request.messages) if loop().is_run_here(call)]
    if calls:
        if request.num > 1:
            raise RequestError(
                f"got num {request.num} for a conversation that ends with calls that are run here, wanted 1: "
                "each answer would run them again"
            )
        return [Turn(request, maker, loop(), None, calls)]
    return [Turn(request, maker, loop(), first) for first in maker.first()]
