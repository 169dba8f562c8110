"""Turns -> messages of Anthropic's API, and the events that tell of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import from_json

from gptoss.chat import Reply, TurnEvent
from gptoss.chat.turn import Turn
from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.server.messages.message import (
    Block,
    BlockDelta,
    BlockStart,
    BlockStop,
    Delta,
    InputDelta,
    Message,
    MessageEnd,
    MessageEvent,
    MessageUsage,
    SignatureDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ThinkingTokens,
    ToolUseBlock,
)
from gptoss.server.messages.request import ThinkingTold
from gptoss.server.messages.signature import signature_of
from gptoss.server.shared.extension import Ignored
from gptoss.server.shared.ids import new_id


def usage_of(reply: Reply) -> MessageUsage:
    """Tokens; those of the prompt that were in the prefix cache are counted apart."""
    usage = reply.usage
    return MessageUsage(
        input_tokens=usage.prompt_tokens - usage.cached_tokens,
        cache_creation_input_tokens=0,
        cache_read_input_tokens=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
        output_tokens_details=ThinkingTokens(thinking_tokens=usage.reasoning_tokens),
    )


def ending_of(turn: Turn, reply: Reply, context: int) -> MessageEnd:
    """Why a finished turn ended, with a model of such a context."""
    used = reply.usage.prompt_tokens + reply.usage.completion_tokens
    found = turn.stop_string
    reason: StopReason
    if found is not None:
        reason = "stop_sequence"
    elif reply.finish_reason == "tool_calls":
        reason = "tool_use"
    elif reply.finish_reason == "stop":
        reason = "end_turn"
    else:
        reason = "model_context_window_exceeded" if used >= context else "max_tokens"
    return MessageEnd(stop_reason=reason, stop_sequence=found)


def message(
    model_name: str, blocks: Blocks, reply: Reply, ending: MessageEnd, ignored: Sequence[str] = ()
) -> Message:
    """A whole message, of blocks that have read its turn."""
    made = Message(
        id=new_id("msg_"),
        type="message",
        role="assistant",
        model=model_name,
        content=blocks.content,
        stop_reason=ending.stop_reason,
        stop_sequence=ending.stop_sequence,
        usage=usage_of(reply),
    )
    if ignored:
        made.gptoss = Ignored(ignored=list(ignored))
    return made


class Blocks:
    """Makes the blocks of one message, and the events that tell of them."""

    def __init__(self, *, told: ThinkingTold) -> None:
        self.content: list[Block] = []
        self._told = told
        self._is_open = False
        self._text: list[str] = []

    def take(self, each: TurnEvent) -> None:
        """Read one of the turn's events, of which nobody is told."""
        for _ in self.read(each):
            pass

    def read(self, each: TurnEvent) -> Iterator[MessageEvent]:
        """The events that tell of one of the turn's."""
        match each:
            case MessageFinished() | ToolCallFinished():
                yield from self._close()
            case ReasoningDelta(text) if text and self._told != "nothing":
                if not self._is_in(ThinkingBlock):
                    yield from self._open(ThinkingBlock(type="thinking", thinking="", signature=""))
                self._text.append(text)
                if self._told == "text":
                    yield self._delta(ThinkingDelta(type="thinking_delta", thinking=text))
            case ContentDelta(text) | PreambleDelta(text) if text:
                if not self._is_in(TextBlock):
                    yield from self._open(TextBlock(type="text", text=""))
                self._text.append(text)
                yield self._delta(TextDelta(type="text_delta", text=text))
            case ToolCallStarted(_, recipient):
                name = recipient.removeprefix("functions.")
                block = ToolUseBlock(type="tool_use", id=new_id("toolu_"), name=name, input={})
                yield from self._open(block)
            case ToolCallDelta(_, text):
                self._text.append(text)
                yield self._delta(InputDelta(type="input_json_delta", partial_json=text))

    def _close(self) -> Iterator[MessageEvent]:
        """The end of the block that is open, if one is."""
        if not self._is_open:
            return
        text = "".join(self._text)
        match self.content[-1]:
            case ThinkingBlock():
                is_shown = self._told == "text"
                signature = signature_of(text, is_shown=is_shown)
                self.content[-1] = ThinkingBlock(
                    type="thinking", thinking=text if is_shown else "", signature=signature
                )
                yield self._delta(SignatureDelta(type="signature_delta", signature=signature))
            case TextBlock():
                self.content[-1] = TextBlock(type="text", text=text)
            case ToolUseBlock() as call:
                self.content[-1] = ToolUseBlock(
                    type="tool_use", id=call.id, name=call.name, input=_input(text)
                )
        yield BlockStop(type="content_block_stop", index=len(self.content) - 1)
        self._is_open = False
        self._text.clear()

    def _is_in(self, kind: type[ThinkingBlock | TextBlock]) -> bool:
        return self._is_open and isinstance(self.content[-1], kind)

    def _open(self, block: Block) -> Iterator[MessageEvent]:
        self._is_open = True
        self.content.append(block)
        index = len(self.content) - 1
        yield BlockStart(type="content_block_start", index=index, content_block=block)

    def _delta(self, delta: Delta) -> BlockDelta:
        return BlockDelta(type="content_block_delta", index=len(self.content) - 1, delta=delta)


def _input(arguments: str) -> dict[str, Any]:
    """An object; an empty one where the tokens ended inside it, or for JSON that cannot be sent."""
    try:
        found = from_json(arguments or "{}", allow_inf_nan=False)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and _is_finite(found) else {}


def _is_finite(value: object) -> bool:
    """Whether no number in it is beyond what JSON's readers hold, which would be sent as null."""
    left = [value]
    while left:
        match left.pop():
            case float() as number if not math.isfinite(number):
                return False
            case dict() as inner:
                left += inner.values()
            case list() as inner:
                left += inner
    return True
