"""One call of a turn that is run here: asked for where that is needed, run, and its result made fit for the model."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from gptoss.chat.events import (
    ApprovalAsked,
    ToolOutput,
    ToolRunFinished,
    ToolRunStarted,
    TurnEvent,
)
from gptoss.chat.own_thread import on_own_thread
from gptoss.chat.reply import CallRecord
from gptoss.chat.tool_policy import ToolPolicy
from gptoss.errors import listed, shown
from gptoss.harmony import Message
from gptoss.tools import (
    Approval,
    ApprovalRequest,
    Decision,
    Ending,
    Tool,
    ToolResult,
    ToolRun,
    digest_of,
)

_LOG = logging.getLogger("gptoss.chat")
_NOBODY = "nobody is there to allow it"
_USED = "the yes to it has been used for this call before"
_BEYOND = (
    "error: no more calls may be made in this turn. Nothing was done; answer with what is known."
)


class CallStep:
    """Runs one call. `events` tells of it, and `result` is there when they have ended.

    call       the message
    index      the how-manieth of the turn it is
    tool       None: there is no such tool
    decided    the decision that was taken before, if one was
    is_beyond  whether the turn has had all the calls that it may have: it is not run
    """

    def __init__(
        self,
        call: Message,
        index: int,
        tool: Tool | None,
        policy: ToolPolicy,
        *,
        has_read_foreign: bool,
        max_s: float,
        decided: Decision | None = None,
        is_beyond: bool = False,
        known: tuple[str, ...] = (),
    ) -> None:
        self.call = call
        self.index = index
        self.tool = tool
        self.result: ToolResult | None = None
        self.decided = decided
        self._policy = policy
        self._has_read_foreign = has_read_foreign
        self._max_s = max_s
        self.is_beyond = is_beyond
        self._known = known
        self._run: ToolRun | None = None
        self._is_cancelled = False
        # Whoever waits for a person is told of the end by it.
        self._wake: Callable[[], object] = lambda: None

    @property
    def waiting(self) -> ApprovalRequest | None:
        """The call as a person is asked for it, if one must be asked and none has decided."""
        if self.tool is None or self.is_beyond:
            return None
        needed, reason = self._policy.needed(self.tool, has_read_foreign=self._has_read_foreign)
        if needed is not Approval.ASK:
            return None
        return None if self.decided is not None else self.request(reason)

    def request(self, reason: str) -> ApprovalRequest:
        """The call as a person is asked for it."""
        assert self.tool is not None
        digest = digest_of(self.tool, self.call.text)
        return ApprovalRequest(self.tool.recipient, self.call.text, digest, reason)

    def events(self) -> Iterator[TurnEvent]:
        """Run the call, and tell what happens; its record is made of the result."""
        yield ToolRunStarted(self.index, self.call.recipient or "", self.call.text)
        decision = self._decided()
        if (waiting := self.waiting) is not None:
            yield ApprovalAsked(self.index, waiting)
            decision = self._ask(waiting)
        decision = self._claimed(decision)
        if (run := self._begin(decision, None)) is not None:
            for text in run.events():
                yield ToolOutput(self.index, text)
            self.result = run.result

    async def events_async(self, pace_s: float = 0.0) -> AsyncGenerator[TurnEvent, None]:
        """As `events`, for an event loop."""
        yield ToolRunStarted(self.index, self.call.recipient or "", self.call.text)
        decision = self._decided()
        if (waiting := self.waiting) is not None:
            yield ApprovalAsked(self.index, waiting)
            decision = await self._ask_async(waiting)
        if decision.claim is not None:
            decision = await on_own_thread(partial(self._claimed, decision))
        if (run := self._begin(decision, asyncio.get_running_loop())) is not None:
            async with contextlib.aclosing(run.events_async(pace_s)) as pieces:
                async for text in pieces:
                    yield ToolOutput(self.index, text)
            self.result = run.result

    def cancel(self) -> None:
        """End the call; from any thread, or a signal handler."""
        self._is_cancelled = True
        # The loop may have closed.
        with contextlib.suppress(RuntimeError):
            self._wake()
        if self._run is not None:
            self._run.cancel()

    def finished(self, told: str) -> ToolRunFinished:
        """The last event: the result, and what of it the model reads."""
        assert self.result is not None
        record = CallRecord(self.call.recipient or "", self.call.text, self.result, told)
        return ToolRunFinished(self.index, record)

    def _decided(self) -> Decision:
        """Return the decision that is known before anybody is asked."""
        if self.tool is None:
            return Decision(True)
        needed, _ = self._policy.needed(self.tool, has_read_foreign=self._has_read_foreign)
        if needed is Approval.DENY:
            return Decision(False, "calls of this tool are not allowed here")
        if self.decided is not None:
            return self.decided
        return Decision(True) if needed is Approval.ALLOW else Decision(False, _NOBODY)

    def _claimed(self, decision: Decision) -> Decision:
        """Return the decision, or no where another turn has used it up: each is for one call."""
        if decision.claim is None or not decision.is_approved or self.is_beyond:
            return decision
        if self._is_cancelled or decision.claim():
            return decision
        return Decision(False, _USED)

    def _ask(self, request: ApprovalRequest) -> Decision:
        if self._policy.approve is None or self._is_cancelled:
            return Decision(False, _NOBODY)
        try:
            answer = self._policy.approve(request)
            if inspect.isawaitable(answer):
                return _decision(asyncio.run(self._unless_cancelled(answer)))
            return _decision(answer)
        # Whatever it is that asks: it has not said yes.
        except Exception as error:
            return _failed(error)

    async def _ask_async(self, request: ApprovalRequest) -> Decision:
        approve = self._policy.approve
        if approve is None or self._is_cancelled:
            return Decision(False, _NOBODY)
        try:
            async with asyncio.timeout(self._policy.approve_s) as limit:
                if inspect.iscoroutinefunction(approve):
                    return _decision(await self._unless_cancelled(approve(request)))
                answer = await self._unless_cancelled(on_own_thread(partial(approve, request)))
                if inspect.isawaitable(answer):
                    answer = await self._unless_cancelled(answer)
                return _decision(answer)
        except TimeoutError as error:
            if not limit.expired():
                return _failed(error)
            return Decision(False, f"nobody has allowed it within {self._policy.approve_s:g} s")
        except Exception as error:
            return _failed(error)

    async def _unless_cancelled(self, answer: Awaitable[object]) -> object:
        """An answer that is waited for; None where the call is ended before it comes."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(ended.set)
        if self._is_cancelled:
            ended.set()
        asking: asyncio.Future[object] = asyncio.ensure_future(answer)
        tasks: list[asyncio.Future[Any]] = [asking, loop.create_task(ended.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            self._wake = lambda: None
            for task in tasks:
                task.cancel()

    def _begin(self, decision: Decision, loop: asyncio.AbstractEventLoop | None) -> ToolRun | None:
        """Run the call, or say why it is not run."""
        if self.tool is None:
            names = listed(self._known) or "there is none"
            got = shown(self.call.recipient or "")
            self.result = ToolResult(f"error: got the tool {got}, wanted {names}", Ending.SKIPPED)
            return None
        if self.is_beyond:
            self.result = ToolResult(_BEYOND, Ending.SKIPPED)
            return None
        if self._is_cancelled:
            self.result = ToolResult("the call was stopped before it began", Ending.CANCELLED)
            return None
        if not decision.is_approved:
            why = f": {decision.reason}" if decision.reason else ""
            self.result = ToolResult(
                f"error: the call was not allowed{why}. Nothing was done.", Ending.DENIED
            )
            return None
        self._run = ToolRun(self.tool, self.call.text, min(self._max_s, self.tool.max_s), loop)
        if self._is_cancelled:
            # Between both: a signal handler knows of no run yet.
            self._run.cancel()
        return self._run


def _failed(error: Exception) -> Decision:
    _LOG.error("nobody could be asked for a call: %s", type(error).__name__, exc_info=error)
    return Decision(False, f"asking for it failed with {type(error).__name__}")


def _decision(answer: object) -> Decision:
    return answer if isinstance(answer, Decision) else Decision(answer is True)
