"""A turn's events -> a response, and the events of its stream. Both come from here, so that they agree."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.tools import ToolSet
from gptoss.chat.turn import Turn
from gptoss.engine import FinishReason
from gptoss.harmony import (
    ContentDelta,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.server.replies import Json
from gptoss.server.responses.calls import (
    CallItem,
    ClientCallItem,
    CustomCallItem,
    FunctionCallItem,
    call_item,
)
from gptoss.server.responses.items import Item, MessageItem, ReasoningItem
from gptoss.server.shared.extension import extension_of
from gptoss.server.shared.logprobs import logprobs_of
from gptoss.server.wire_errors import ApiError
from gptoss.tokenizer import Tokenizer

_Kind = TypeVar("_Kind", bound=Item)
_ERROR_CODE_BY_STATUS = {429: "rate_limit_exceeded", 400: "invalid_prompt"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a turn is to be said besides its text.

    summary, seal  see `ReasoningItem`
    tools          that may be called
    ignored        fields of the request that do nothing
    """

    has_logprobs: bool = False
    has_progress: bool = False
    summary: str | None = None
    seal: Callable[[str], str] | None = None
    tools: ToolSet = field(default_factory=ToolSet)
    ignored: tuple[str, ...] = ()


class ResponseWriter:
    """Writes one response.

    response  all that is known before the turn, with the status `in_progress`, or `queued` where it runs on its own
    """

    def __init__(self, response: Json, turn: Turn, tokenizer: Tokenizer, wanted: Wanted) -> None:
        self.failure: ApiError | None = None
        # Whether a client, and not the end of the server, ends the turn early.
        self.is_cancelled = False
        self._response = response
        self._turn = turn
        self._tokenizer = tokenizer
        self._wanted = wanted
        self._output: list[Json] = []
        self._open: Item | None = None
        # A call that is told when it is whole, and those that never were.
        self._held: ClientCallItem | None = None
        self._cut_calls: list[Json] = []
        self._num_events = 0
        self._num_logprobs = 0

    @property
    def response(self) -> Json:
        """As it is now."""
        output = list(self._output)
        if self._open is not None:
            output.append(self._open.item("in_progress"))
        return {**self._response, "output": output}

    @property
    def is_queued(self) -> bool:
        """Whether the turn has not started, as far as was told."""
        return self._response["status"] == "queued"

    def begin(self) -> list[Json]:
        """The first events."""
        kinds = ["response.created", *(["response.queued"] if self.is_queued else [])]
        return [self._about(kind) for kind in kinds]

    def start(self) -> list[Json]:
        """The events of a turn that starts."""
        self._response["status"] = "in_progress"
        return [self._about("response.in_progress")]

    @property
    def has_progress(self) -> bool:
        """Whether it is to be told how far the prompt is read."""
        return self._wanted.has_progress

    def progress(self, processed: int, total: int) -> Json:
        """How many tokens of the prompt are read, as an extension."""
        return self._numbered(
            {"type": "response.gptoss.progress", "processed": processed, "total": total}
        )

    def feed(self, event: TurnEvent) -> list[Json]:
        """The events that one of the turn's becomes; those of the last one end the stream."""
        match event:
            case ReasoningDelta(text):
                wanted = self._wanted
                events, thought = self._opened(
                    ReasoningItem, lambda: ReasoningItem(wanted.summary, wanted.seal)
                )
                return [*events, self._at(thought, thought.delta(text))]
            case PreambleDelta(text):
                events, said = self._message("commentary")
                return [*events, self._at(said, said.delta(text, []))]
            case ContentDelta(text):
                events, said = self._message("final_answer")
                return [*events, self._at(said, said.delta(text, self._logprobs()))]
            case ToolCallStarted(_, recipient):
                return self._begin_call(call_item(recipient, self._wanted.tools))
            case ToolCallDelta(_, text):
                return self._feed_call(text)
            case ToolCallFinished(_, is_complete):
                return self._end_call("completed" if is_complete else "incomplete")
            case TurnFinished(reply):
                return self._finish(reply)
        return []

    def _begin_call(self, call: CallItem) -> list[Json]:
        events = self._close("completed")
        if isinstance(call, ClientCallItem):
            self._held = call
            return events
        return [*events, *self._begin_item(call)]

    def _feed_call(self, text: str) -> list[Json]:
        if self._held is not None:
            self._held.add(text)
            return []
        item = self._open
        assert isinstance(item, FunctionCallItem | CustomCallItem)
        return [self._at(item, each) for each in item.feed(text)]

    def _end_call(self, status: str) -> list[Json]:
        held, self._held = self._held, None
        if held is None:
            return self._close(status)
        if status != "completed" or not held.read():
            self._cut_calls.append({"name": held.name, "arguments": held.arguments})
            return []
        return [*self._begin_item(held), *self._close(status)]

    def fail(self, error: ApiError) -> list[Json]:
        """The last events of a stream that cannot go on."""
        self.failure = error
        events = self._close("incomplete")
        code = error.code or _ERROR_CODE_BY_STATUS.get(error.status, "server_error")
        events.append(
            self._numbered(
                {"type": "error", "code": code, "message": error.message, "param": error.param}
            )
        )
        known = _ERROR_CODE_BY_STATUS.get(error.status, "server_error")
        self._response["status"] = "failed"
        self._response["error"] = {"code": known, "message": error.message}
        return [*events, self._about("response.failed")]

    def _finish(self, reply: Reply) -> list[Json]:
        self._response["usage"] = usage_of(reply)
        self._response["gptoss"] = {
            **extension_of(reply, self._wanted.ignored).model_dump(),
            "cut_calls": self._cut_calls,
        }
        if reply.finish_reason is FinishReason.CANCELLED and not self.is_cancelled:
            return self.fail(ApiError(503, "the server ended before the response was finished"))
        is_whole = reply.finish_reason in (FinishReason.STOP, FinishReason.TOOL_CALLS)
        if isinstance(self._open, MessageItem) and self._open.phase == "final_answer":
            self._open.add_logprobs(self._logprobs())
        events = self._close("completed" if is_whole else "incomplete")
        if is_whole:
            events += self._said_nothing()
            self._response["status"] = "completed"
            self._response["completed_at"] = int(time.time())
            return [*events, self._about("response.completed")]
        self._response["status"] = "cancelled" if self.is_cancelled else "incomplete"
        if not self.is_cancelled:
            self._response["incomplete_details"] = {"reason": "max_output_tokens"}
        return [*events, self._about("response.incomplete")]

    def _said_nothing(self) -> list[Json]:
        """An empty answer is an answer."""
        if any(item["type"] != "reasoning" for item in self._output):
            return []
        events, _ = self._message("final_answer")
        return [*events, *self._close("completed")]

    def _message(self, phase: str) -> tuple[list[Json], MessageItem]:
        events: list[Json] = []
        if isinstance(self._open, MessageItem) and self._open.phase != phase:
            events = self._close("completed")
        more, said = self._opened(MessageItem, lambda: MessageItem(phase))
        return [*events, *more], said

    def _opened(self, kind: type[_Kind], make: Callable[[], _Kind]) -> tuple[list[Json], _Kind]:
        """The item of that kind that is being written, and the events that it took to have one."""
        if isinstance(self._open, kind):
            return [], self._open
        events = self._close("completed")
        made = make()
        return [*events, *self._begin_item(made)], made

    def _begin_item(self, item: Item) -> list[Json]:
        self._open = item
        added: Json = {"type": "response.output_item.added", "item": item.item("in_progress")}
        return [self._in_output(added), *(self._at(item, each) for each in item.begin())]

    def _close(self, status: str) -> list[Json]:
        item = self._open
        if item is None:
            return []
        events = [self._at(item, each) for each in item.end()]
        made = item.item(status)
        events.append(self._in_output({"type": "response.output_item.done", "item": made}))
        self._output.append(made)
        self._open = None
        return events

    def _logprobs(self) -> list[Json]:
        """Of the answer's tokens since the last time, if they are wanted."""
        if not self._wanted.has_logprobs:
            return []
        tokens = self._turn.answer_tokens[self._num_logprobs :]
        self._num_logprobs += len(tokens)
        return [each.model_dump() for each in logprobs_of(tokens, self._tokenizer)]

    def _about(self, kind: str) -> Json:
        return self._numbered({"type": kind, "response": self.response})

    def _at(self, item: Item, event: Json) -> Json:
        # The events of a shell's commands have no field for it.
        place = {} if isinstance(item, ClientCallItem) else {"item_id": item.id}
        return self._in_output({**event, **place})

    def _in_output(self, event: Json) -> Json:
        return self._numbered({**event, "output_index": len(self._output)})

    def _numbered(self, event: Json) -> Json:
        made = {**event, "sequence_number": self._num_events}
        self._num_events += 1
        return made


def usage_of(reply: Reply) -> Json:
    """Tokens of a turn, as the Responses API counts them."""
    usage = reply.usage
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
