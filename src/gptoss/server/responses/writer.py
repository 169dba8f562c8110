"""A turn's events -> a response, and the events of its stream. Both come from here, so that they agree."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.events import TextTokens, ToolOutput, ToolRunFinished, ToolRunStarted
from gptoss.chat.round import Progress
from gptoss.engine import FinishReason, Token
from gptoss.harmony import (
    PYTHON,
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.server.fan_in import StreamWriter
from gptoss.server.responses.approvals import approval_item
from gptoss.server.responses.call_runs import CallRuns
from gptoss.server.responses.calls import (
    OpenClientCall,
    OpenCustomCall,
    OpenFunctionCall,
    open_call,
)
from gptoss.server.responses.code_call import OpenCodeCall
from gptoss.server.responses.items import OpenItem, OpenMessage, OpenReasoning, Unplaced
from gptoss.server.responses.mcp_call import HeldCall
from gptoss.server.responses.types.calls import ItemStatus
from gptoss.server.responses.types.events import (
    ItemChange,
    ItemChanged,
    ResponseChange,
    ResponseChanged,
    ResponseError,
    ResponseEvent,
)
from gptoss.server.responses.types.events import Progress as ProgressEvent
from gptoss.server.responses.types.items import OutputItem, Phase
from gptoss.server.responses.types.response import (
    CutCall,
    FailureCode,
    IncompleteDetails,
    InputTokens,
    Response,
    ResponseExtension,
    ResponseFailure,
    ResponseUsage,
)
from gptoss.server.shared.extension import extension_of
from gptoss.server.shared.logprobs import TokenLogprobs, logprobs_of
from gptoss.server.shared.usage import ReasoningTokens
from gptoss.server.wire_errors import ApiError
from gptoss.tokenizer import Tokenizer
from gptoss.tools import ToolSet

_ERROR_CODE_BY_STATUS: dict[int, FailureCode] = {
    429: "rate_limit_exceeded",
    400: "invalid_prompt",
}
# Behind which an empty answer is one all the same.
_NO_ANSWER = ("reasoning", "code_interpreter_call", "mcp_call")


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that is to be said of a turn besides its text.

    summary, seal  see `OpenReasoning`
    tools          that may be called
    ignored        fields of the request that do nothing
    container_id   in which the server runs Python
    has_images     whether pictures of its calls are told
    waiting        see `Approvals.waiting_ids`
    asks_python    whether a person is asked for calls of Python, which are told when they are run
    release        lets go of the container
    """

    has_logprobs: bool = False
    has_progress: bool = False
    summary: str | None = None
    seal: Callable[[str], str] | None = None
    tools: ToolSet = field(default_factory=ToolSet)
    ignored: tuple[str, ...] = ()
    container_id: str = ""
    has_images: bool = False
    waiting: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    asks_python: bool = False
    release: Callable[[], None] = lambda: None


class ResponseWriter(StreamWriter[TurnEvent | Progress, list[ResponseEvent]]):
    """Writes one response.

    response  all that is known before the turn, with the status `in_progress`, or `queued` where it runs on its own
    """

    def __init__(self, response: Response, tokenizer: Tokenizer, wanted: Wanted) -> None:
        self.failure: ApiError | None = None
        # Whether a client, and not the end of the server, ends the turn early.
        self.is_cancelled = False
        self._response = response
        self._is_queued = response.status == "queued"
        self._tokenizer = tokenizer
        self._wanted = wanted
        self._output: list[OutputItem] = []
        self._open: OpenItem | None = None
        # What its events say of where it stands.
        self._place: dict[str, Any] = {}
        # A call that is told when it is whole, and those that never were.
        self._held: OpenClientCall | HeldCall | None = None
        self._cut_calls: list[CutCall] = []
        self._runs = CallRuns(
            self._output,
            wanted.container_id,
            has_images=wanted.has_images,
            waiting=wanted.waiting,
        )
        self._numbers = itertools.count()
        self._tokens: list[Token] = []
        self._num_read = 0

    @property
    def response(self) -> Response:
        """As it is now."""
        output = list(self._output)
        if self._open is not None:
            output.append(self._open.item("in_progress"))
        return self._response.model_copy(update={"output": output})

    @property
    def tells_progress(self) -> bool:
        """Whether it tells how far the prompt is read, or that it is being read at last."""
        return self._wanted.has_progress or self._is_queued

    def close(self) -> None:
        """Let go of what the response needed: nobody reads on."""
        self._wanted.release()

    def say_not_kept(self, last: ResponseEvent) -> None:
        """Have the response, and its last event, say that it is not kept although that was asked for."""
        assert isinstance(last, ResponseChanged)
        for each in (self._response, last.response):
            each.store = False
            if each.gptoss is not None:
                each.gptoss = each.gptoss.model_copy(
                    update={"ignored": [*each.gptoss.ignored, "store"]}
                )

    def failed(self, why: str) -> Response:
        """What is kept in the place of a response that cannot be: it tells why."""
        failure = ResponseFailure(code="server_error", message=why)
        changed = {"status": "failed", "output": [], "error": failure, "completed_at": None}
        return self._response.model_copy(update=changed)

    def begin(self, _: int) -> list[ResponseEvent]:
        """The first events."""
        created = self._about("response.created")
        if self._is_queued:
            return [created, self._about("response.queued")]
        return [created, *self._start()]

    def _start(self) -> list[ResponseEvent]:
        self._is_queued = False
        self._response.status = "in_progress"
        return [self._about("response.in_progress")]

    def feed(self, _: int, event: TurnEvent | Progress) -> list[ResponseEvent]:
        """The events that one of the turn's becomes; those of the last one end the stream."""
        if self._is_queued and not (isinstance(event, Progress) and event.is_waiting):
            return [*self._start(), *self.feed(_, event)]
        match event:
            case ReasoningDelta(text):
                events, thought = self._thought()
                return [*events, self._placed(thought.delta(text))]
            case PreambleDelta(text):
                events, said = self._message("commentary")
                return [*events, self._placed(said.delta(text, self._logprobs()))]
            case ContentDelta(text):
                events, said = self._message("final_answer")
                return [*events, self._placed(said.delta(text, self._logprobs()))]
            case TextTokens(tokens):
                self._tokens += tokens
            case MessageFinished(is_complete):
                return self._end_message("completed" if is_complete else "incomplete")
            case ToolCallStarted(_, recipient):
                return self._begin_call(recipient)
            case ToolCallDelta(_, text):
                return self._feed_call(text)
            case ToolCallFinished(index, is_complete):
                return self._end_call(index, "completed" if is_complete else "incomplete")
            case ToolRunStarted(index, recipient, arguments):
                events = self._close("completed")
                begun = self._runs.begin_run(index, recipient, arguments)
                return [*events, *self._numbered(begun)]
            case ToolOutput(index, text) if self._wanted.has_progress:
                return self._numbered(self._runs.output(index, text))
            case ToolRunFinished(index, record):
                return self._numbered(self._runs.end_run(index, record))
            case TurnFinished(reply):
                return self._finish(reply)
            case Progress():
                return self._progress(event)
        return []

    def _progress(self, now: Progress) -> list[ResponseEvent]:
        """How many tokens of the prompt are read, if that is wanted and they are more: an extension."""
        num_read = min(now.read, now.total)
        if not self._wanted.has_progress or num_read <= self._num_read:
            return []
        self._num_read = num_read
        told = ProgressEvent(
            type="response.gptoss.progress",
            processed=num_read,
            total=now.total,
            sequence_number=next(self._numbers),
        )
        return [told]

    def _end_message(self, status: ItemStatus) -> list[ResponseEvent]:
        if isinstance(self._open, OpenMessage):
            # Tokens without text: half a character, or the string that ended it.
            self._open.add_logprobs(self._logprobs())
        return self._close(status)

    def _begin_call(self, recipient: str) -> list[ResponseEvent]:
        tool = self._wanted.tools.run_here(recipient)
        if tool is not None:
            if tool.kind != PYTHON.name or self._wanted.asks_python:
                self._held = HeldCall(tool.description.name)
                return self._close("completed")
            return self._begin_item(self._runs.code())
        call = open_call(recipient, self._wanted.tools)
        if isinstance(call, OpenClientCall):
            self._held = call
            return self._close("completed")
        return self._begin_item(call)

    def _feed_call(self, text: str) -> list[ResponseEvent]:
        if self._held is not None:
            self._held.add(text)
            return []
        item = self._open
        assert isinstance(item, OpenFunctionCall | OpenCustomCall | OpenCodeCall)
        return list(map(self._placed, item.feed(text)))

    def _end_call(self, index: int, status: ItemStatus) -> list[ResponseEvent]:
        held, self._held = self._held, None
        item = self._open
        if isinstance(item, OpenCodeCall) and status == "completed":
            # Its item is open until it has run; others may begin meanwhile.
            events = list(map(self._placed, item.end()))
            self._runs.add(index, item, self._place)
            self._open = None
            return events
        if isinstance(held, HeldCall) and status == "completed":
            return []
        if held is None:
            return self._close(status)
        if isinstance(held, HeldCall) or status != "completed" or not held.read():
            self._cut_calls.append(CutCall(name=held.name, arguments=held.arguments))
            return []
        return [*self._begin_item(held), *self._close(status)]

    def fail(self, error: ApiError) -> list[ResponseEvent]:
        """The last events of a stream that cannot go on."""
        self.failure = error
        events = self._start() if self._is_queued else []
        events += [*self._close("incomplete"), *self._numbered(self._runs.close())]
        known: FailureCode = _ERROR_CODE_BY_STATUS.get(error.status, "server_error")
        if error.code == "context_length_exceeded":
            known = error.code
        told = ResponseError(
            type="error",
            code=error.code,
            message=error.message,
            param=error.param,
            sequence_number=next(self._numbers),
        )
        self._response.status = "failed"
        self._response.error = ResponseFailure(code=known, message=error.message)
        return [*events, told, self._about("response.failed")]

    def _finish(self, reply: Reply) -> list[ResponseEvent]:
        self._response.usage = usage_of(reply)
        extension = extension_of(reply, self._wanted.ignored)
        said = {name: getattr(extension, name) for name in extension.model_fields_set}
        self._response.gptoss = ResponseExtension(**said, cut_calls=self._cut_calls)
        if reply.finish_reason is FinishReason.CANCELLED and not self.is_cancelled:
            return self.fail(ApiError(503, "the server ended before the response was finished"))
        ended = self._numbered(self._runs.close())
        for request in reply.approvals:
            before = self._runs.take_waiting(request.recipient, request.arguments)
            ended += self._whole(approval_item(request, before))
        is_whole = reply.finish_reason in (FinishReason.STOP, FinishReason.TOOL_CALLS)
        if is_whole:
            events = self._said_nothing()
            self._response.status = "completed"
            self._response.completed_at = int(time.time())
            return [*ended, *events, self._about("response.completed")]
        self._response.status = "cancelled" if self.is_cancelled else "incomplete"
        if not self.is_cancelled:
            self._response.incomplete_details = IncompleteDetails(reason="max_output_tokens")
        return [*ended, self._about("response.incomplete")]

    def _said_nothing(self) -> list[ResponseEvent]:
        """An empty answer is an answer."""
        if any(item.type not in _NO_ANSWER for item in self._output):
            return []
        events, _ = self._message("final_answer")
        return [*events, *self._close("completed")]

    def _thought(self) -> tuple[list[ResponseEvent], OpenReasoning]:
        """The chain of thought that is being written, and the events that it took to have one."""
        if isinstance(self._open, OpenReasoning):
            return [], self._open
        made = OpenReasoning(self._wanted.summary, self._wanted.seal)
        return self._begin_item(made), made

    def _message(self, phase: Phase) -> tuple[list[ResponseEvent], OpenMessage]:
        """The message that is being written, and the events that it took to have one."""
        if isinstance(self._open, OpenMessage) and self._open.phase == phase:
            return [], self._open
        made = OpenMessage(phase)
        return self._begin_item(made), made

    def _begin_item(self, item: OpenItem) -> list[ResponseEvent]:
        events = self._close("completed")
        self._open = item
        self._place = {"output_index": len(self._output)}
        if not isinstance(item, OpenClientCall):
            # Its events are of commands, which do not name it.
            self._place["item_id"] = item.id
        events.append(self._changed("response.output_item.added", item.item("in_progress")))
        if isinstance(item, OpenReasoning | OpenMessage | OpenCodeCall):
            events.append(self._placed(item.begin()))
        return events

    def _close(self, status: ItemStatus) -> list[ResponseEvent]:
        item = self._open
        if item is None:
            return []
        events = list(map(self._placed, item.end()))
        made = item.item(status)
        events.append(self._changed("response.output_item.done", made))
        self._output.append(made)
        self._open = None
        return events

    def _logprobs(self) -> list[TokenLogprobs]:
        """Return those of the answer's tokens since the last time, if they are wanted."""
        tokens, self._tokens = self._tokens, []
        return logprobs_of(tokens, self._tokenizer) if self._wanted.has_logprobs else []

    def _about(self, kind: ResponseChange) -> ResponseChanged:
        number = next(self._numbers)
        return ResponseChanged(type=kind, response=self.response, sequence_number=number)

    def _changed(self, kind: ItemChange, item: OutputItem, index: int | None = None) -> ItemChanged:
        """An event of an item, the last one unless its place is said."""
        at = len(self._output) if index is None else index
        return ItemChanged(
            type=kind, item=item, output_index=at, sequence_number=next(self._numbers)
        )

    def _whole(self, item: OutputItem) -> list[ResponseEvent]:
        """The events of an item that comes as a whole."""
        added = self._changed("response.output_item.added", item)
        done = self._changed("response.output_item.done", item)
        self._output.append(item)
        return [added, done]

    def _numbered(self, events: Iterable[Unplaced]) -> list[ResponseEvent]:
        """Events that know their place, in the order in which they are told."""
        return [event(sequence_number=next(self._numbers)) for event in events]

    def _placed(self, event: Unplaced) -> ResponseEvent:
        """An event of the item that is being written, with its place."""
        return event(**self._place, sequence_number=next(self._numbers))


def usage_of(reply: Reply) -> ResponseUsage:
    """Tokens of a turn, as the Responses API counts them."""
    usage = reply.usage
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=InputTokens(cached_tokens=usage.cached_tokens, cache_write_tokens=0),
        output_tokens=usage.completion_tokens,
        output_tokens_details=ReasoningTokens(reasoning_tokens=usage.reasoning_tokens),
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )
