"""The stream of one message of Anthropic's API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gptoss.chat import TurnEvent, TurnFinished
from gptoss.chat.turn import Turn
from gptoss.server.fan_in import StreamWriter
from gptoss.server.messages.message import (
    FirstUsage,
    MessageDelta,
    MessageEvent,
    MessageStart,
    MessageStop,
    Ping,
    StartedMessage,
)
from gptoss.server.messages.reply import Blocks, ending_of, usage_of
from gptoss.server.messages.request import ThinkingTold
from gptoss.server.shared.extension import Ignored
from gptoss.server.shared.ids import new_id
from gptoss.server.sse import event
from gptoss.server.wire_errors import ApiError


class MessageWriter(StreamWriter[TurnEvent, bytes]):
    """Writes the events of one message.

    context  of the model, in tokens
    ignored  fields of the request that do nothing
    """

    def __init__(
        self,
        turn: Turn,
        model_name: str,
        context: int,
        request_id: str,
        *,
        told: ThinkingTold,
        ignored: Sequence[str] = (),
    ) -> None:
        self._turn = turn
        self._model_name = model_name
        self._context = context
        self._request_id = request_id
        self._ignored = list(ignored)
        self._blocks = Blocks(told=told)

    def begin(self, _: int) -> bytes:
        """A message that is still empty."""
        message = StartedMessage(
            id=new_id("msg_"),
            type="message",
            role="assistant",
            model=self._model_name,
            content=[],
            stop_reason=None,
            stop_sequence=None,
            # How much of the prompt is cached shows later; the last usage counts.
            usage=FirstUsage(input_tokens=self._turn.progress.total, output_tokens=0),
        )
        start = MessageStart(type="message_start", message=message)
        return _written(start) + _written(Ping(type="ping"))

    def feed(self, _: int, each: TurnEvent) -> bytes:
        """The events that one of the turn's becomes."""
        told = self._finish(each) if isinstance(each, TurnFinished) else self._blocks.read(each)
        return b"".join(map(_written, told))

    def fail(self, error: ApiError) -> bytes:
        """The error as the last event."""
        return _written(error.anthropic_body(self._request_id))

    def _finish(self, last: TurnFinished) -> Iterator[MessageEvent]:
        ending = ending_of(self._turn, last.reply, self._context)
        made = MessageDelta(type="message_delta", delta=ending, usage=usage_of(last.reply))
        if self._ignored:
            made.gptoss = Ignored(ignored=self._ignored)
        yield made
        yield MessageStop(type="message_stop")


def _written(told: MessageEvent) -> bytes:
    return event(told, told.type)
