"""What a turn does with its calls: which are run here, what the model reads of them, and when tools are taken away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from gptoss.chat.blocks import result_of
from gptoss.chat.call_step import CallStep
from gptoss.chat.events import ToolRunFinished
from gptoss.chat.reply import CallRecord
from gptoss.chat.request import TurnRequest
from gptoss.chat.tool_policy import Cap
from gptoss.harmony import Message, Role
from gptoss.tokenizer import Tokenizer
from gptoss.tools import Decision, Tool, ToolResult, digest_of
from gptoss.tools.clipping import clipped, is_too_long, page
from gptoss.tools.kept_results import READER, KeptResults, how_to_read_on

# Of the context, what an answer needs at least; below that no further result is read.
_ANSWER_SHARE = 8
_FEWEST_TOKENS = 64
_REPEATED = (
    "(the same call with the same result as before: it is not shown again. "
    "Call with other arguments, or answer with what is known.)"
)
_NO_ROOM = "(the result is left out: there is no room for it. Answer with what is known.)"


@dataclass(slots=True)
class _Repetition:
    """The last call and its result, and how often they came one after the other."""

    key: tuple[str, str, str] | None = None
    num: int = 0

    def count(self, key: tuple[str, str, str]) -> int:
        self.num = self.num + 1 if key == self.key else 1
        self.key = key
        return self.num


class ToolLoop:
    """The calls of one turn.

    request    the turn, whose policy holds
    tokenizer  counts what results cost
    context    tokens that the conversation may have
    """

    def __init__(self, request: TurnRequest, tokenizer: Tokenizer, context: int) -> None:
        self._set = request.tools
        self._tools = request.tools.tool_by_recipient
        self._declared = tuple(request.tools.kinds)
        self._kept = KeptResults(m.text for m in request.messages if m.role is Role.TOOL)
        self._policy = request.policy
        self._limits = request.policy.limits
        self._decisions = {digest: deque(each) for digest, each in request.policy.decisions.items()}
        self._tokenizer = tokenizer
        self._context = context
        self._began = time.monotonic()
        self._num_rounds = 0
        self._tool_s = 0.0
        self._result_tokens = 0
        self._repetition = _Repetition()
        self._has_read_foreign = self._is_any_foreign(request.messages)
        self.capped: Cap | None = None
        self.records: list[CallRecord] = []
        # Of the result that was taken last.
        self.last_tokens = 0

    @property
    def has_tools(self) -> bool:
        """Whether a further round may call tools."""
        return self.capped is None

    @property
    def reader(self) -> Tool | None:
        """The tool that reads on in long results, once there are any."""
        return self._kept.reader if self._kept else None

    def is_run_here(self, call: Message) -> bool:
        """Whether a call is the loop's, and not the caller's; one of a tool that there is not is its own to explain."""
        recipient = call.recipient or ""
        if recipient not in self._declared:
            return self._set.has_run_tools
        return self._set.run_here(recipient) is not None

    def _tool_of(self, recipient: str) -> Tool | None:
        reader = self.reader
        if reader is not None and recipient == reader.recipient:
            return reader
        return self._tools.get(recipient)

    def step(self, call: Message, index: int) -> CallStep:
        """What runs a call."""
        left = min(
            self._limits.tool_s - self._tool_s,
            self._limits.wall_s - (time.monotonic() - self._began),
        )
        tool = self._tool_of(call.recipient or "")
        decisions = self._decisions_about(tool, call)
        return CallStep(
            call,
            index,
            tool,
            self._policy,
            has_read_foreign=self._has_read_foreign,
            max_s=max(left, 1.0),
            decided=decisions[0] if decisions else None,
            is_beyond=self._is_at_end,
            known=self._declared,
        )

    def _decisions_about(self, tool: Tool | None, call: Message) -> deque[Decision]:
        """The decisions about such a call that no call has had yet."""
        if tool is None or not self._decisions:
            return deque()
        return self._decisions.get(digest_of(tool, call.text), deque())

    @property
    def _is_at_end(self) -> bool:
        """Whether no further call is run, those of the round that wait their turn among them."""
        return self.capped is not None or self._has_had_all or self._is_out_of_time

    @property
    def _is_out_of_time(self) -> bool:
        took = time.monotonic() - self._began
        return took >= self._limits.wall_s or self._tool_s >= self._limits.tool_s

    @property
    def _has_had_all(self) -> bool:
        most = self._limits.calls
        return most is not None and len(self.records) >= most

    def take(self, step: CallStep, num_prompt: int) -> tuple[Message, ToolRunFinished]:
        """The result of a call as the model reads it, and the last event of its run.

        num_prompt  tokens of the conversation up to this result
        """
        result = step.result
        assert result is not None
        if step.decided is not None:
            # It was about one call: the next one like it is asked for again.
            self._decisions_about(step.tool, step.call).popleft()
        self._tool_s += result.seconds
        # What says that nothing was done is short, and no result.
        told = result.text if step.is_beyond else self._told_once(step, result, num_prompt)
        self.last_tokens = len(self._tokenizer.encode(told))
        self._result_tokens += self.last_tokens
        if step.tool is not None and step.tool.is_foreign:
            self._has_read_foreign = True
        finished = step.finished(told)
        self.records.append(finished.run)
        return result_of(step.call.recipient, told), finished

    def end_round(self) -> None:
        """Count a round whose calls have all been run, and take the tools away where a limit is reached."""
        self._num_rounds += 1
        if self.capped is not None:
            return
        if self._num_rounds >= self._limits.rounds:
            self.capped = Cap.ROUNDS
        elif self._has_had_all:
            self.capped = Cap.CALLS
        elif self._is_out_of_time:
            is_by_tools = self._tool_s >= self._limits.tool_s
            self.capped = Cap.TOOL_TIME if is_by_tools else Cap.WALL_TIME
        elif self._result_tokens >= self._limits.results_tokens:
            self.capped = Cap.RESULTS

    def _told_once(self, step: CallStep, result: ToolResult, num_prompt: int) -> str:
        """A result as the model reads it, unless it has read it again and again."""
        num = self._repetition.count((step.call.recipient or "", step.call.text, result.text))
        if num >= self._limits.repeated_most:
            self.capped = self.capped or Cap.REPETITION
        if num >= self._limits.repeated:
            return _REPEATED
        return self._told(step, result, num_prompt)

    def _told(self, step: CallStep, result: ToolResult, num_prompt: int) -> str:
        room = self._context - num_prompt - self._context // _ANSWER_SHARE
        if room < _FEWEST_TOKENS:
            self.capped = self.capped or Cap.CONTEXT
            return _NO_ROOM
        left = self._limits.results_tokens - self._result_tokens
        # Half of the room at most: what is found in one result is asked for in the next.
        most = max(min(self._limits.result_tokens, left, room // 2), _FEWEST_TOKENS)
        if step.tool is self._kept.reader and not result.is_error:
            return page(*self._kept.place_of(step.call.text), self._tokenizer, most)
        if not is_too_long(result.text, self._tokenizer, most):
            return result.text
        return clipped(result.text, self._tokenizer, most, *self._hint(result))

    def _hint(self, result: ToolResult) -> tuple[Callable[[int], str], ...]:
        """Return how the model is told to see the rest of a result, by where it is cut; nothing where it cannot."""
        if result.whole is not None:
            return (lambda _: f"the whole is in {result.whole}",)
        if not self._set.has_reader:
            return ()
        number = self._kept.keep(result.text)
        return () if number is None else (partial(how_to_read_on, number),)

    def _is_any_foreign(self, messages: Iterable[Message]) -> bool:
        """Whether results of tools that bring text of strangers are among what was said.

        Those of tools that are not declared any more, or by namespace alone, may hold anything.
        """
        results = (message for message in messages if message.role is Role.TOOL)
        return any(self._is_foreign(message.name or "") for message in results)

    def _is_foreign(self, name: str) -> bool:
        tool = self._tools.get(name)
        if tool is None and name == READER.recipient:
            # It has read what another tool brought.
            return any(each.is_foreign for each in self._tools.values())
        return tool is None or tool.is_foreign


def open_calls(messages: Sequence[Message]) -> list[Message]:
    """The calls that a conversation ends with, and that have no result."""
    at = len(messages)
    while at and messages[at - 1].is_tool_call:
        at -= 1
    return list(messages[at:])
