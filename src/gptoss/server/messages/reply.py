"""Turns -> the blocks and events of Anthropic's Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from gptoss.chat import Reply, TurnEvent
from gptoss.chat.turn import Turn
from gptoss.harmony import (
    ContentDelta,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from gptoss.server.messages.signature import signature_of
from gptoss.server.replies import Json
from gptoss.server.shared.ids import new_id
from gptoss.server.sse import event


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a reply ended, and what it cost."""

    stop_reason: str
    stop_sequence: str | None
    usage: Json

    @classmethod
    def of(cls, turn: Turn, reply: Reply, context: int) -> Ending:
        """Of a finished turn, with a model of such a context."""
        used = reply.usage.prompt_tokens + reply.usage.completion_tokens
        found = turn.stop_string
        if found is not None:
            reason = "stop_sequence"
        elif reply.finish_reason == "tool_calls":
            reason = "tool_use"
        elif reply.finish_reason == "stop":
            reason = "end_turn"
        else:
            reason = "model_context_window_exceeded" if used >= context else "max_tokens"
        return cls(reason, found, usage_of(reply))


def usage_of(reply: Reply) -> Json:
    """Tokens; those of the prompt that were in the prefix cache are counted apart."""
    usage = reply.usage
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def message(model_name: str, content: list[Json], usage: Json, ending: Ending | None) -> Json:
    """A reply; without an ending, one that begins."""
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model_name,
        "content": content,
        "stop_reason": None if ending is None else ending.stop_reason,
        "stop_sequence": None if ending is None else ending.stop_sequence,
        "usage": usage,
    }


def content_of(reply: Reply, *, shows_thinking: bool) -> list[Json]:
    """Thinking, text and calls, in the order in which they were written."""
    blocks = Blocks(shows_thinking=shows_thinking)
    for each in _events_of(reply):
        for _ in blocks.read(each):
            pass
    for _ in blocks.close():
        pass
    return blocks.content


def _events_of(reply: Reply) -> Iterator[TurnEvent]:
    num_calls = 0
    for each in reply.messages:
        if each.role != "assistant":
            continue
        if each.is_tool_call:
            yield ToolCallStarted(num_calls, each.recipient or "")
            yield ToolCallDelta(num_calls, each.text)
            num_calls += 1
        elif each.is_reasoning:
            yield ReasoningDelta(each.text)
        else:
            yield ContentDelta(each.text)


class Blocks:
    """Makes the blocks of one reply, and the events that tell of them."""

    def __init__(self, *, shows_thinking: bool) -> None:
        self.content: list[Json] = []
        self._shows_thinking = shows_thinking
        self._kind: str | None = None
        self._text: list[str] = []

    def read(self, each: TurnEvent) -> Iterator[bytes]:
        """The events that tell of one of the turn's."""
        match each:
            case ReasoningDelta(text) if text:
                yield from self._open("thinking", {"thinking": "", "signature": ""})
                self._text.append(text)
                if self._shows_thinking:
                    yield self._delta("thinking_delta", thinking=text)
            case ContentDelta(text) | PreambleDelta(text) if text:
                yield from self._open("text", {"text": ""})
                self._text.append(text)
                yield self._delta("text_delta", text=text)
            case ToolCallStarted(_, recipient):
                yield from self.close()
                name = recipient.removeprefix("functions.")
                block: Json = {"id": new_id("toolu_"), "name": name, "input": {}}
                yield from self._open("tool_use", block)
            case ToolCallDelta(_, text):
                self._text.append(text)
                yield self._delta("input_json_delta", partial_json=text)

    def close(self) -> Iterator[bytes]:
        """The end of the block that is open, if one is."""
        if self._kind is None:
            return
        block, text = self.content[-1], "".join(self._text)
        match self._kind:
            case "thinking":
                block["thinking"] = text if self._shows_thinking else ""
                block["signature"] = signature_of(text, is_shown=self._shows_thinking)
                yield self._delta("signature_delta", signature=block["signature"])
            case "text":
                block["text"] = text
            case "tool_use":
                block["input"] = _input(text)
        yield event(
            {"type": "content_block_stop", "index": len(self.content) - 1}, "content_block_stop"
        )
        self._kind = None
        self._text.clear()

    def _open(self, kind: str, fields: Json) -> Iterator[bytes]:
        if self._kind == kind:
            return
        yield from self.close()
        self._kind = kind
        block: Json = {"type": kind, **fields}
        self.content.append(block)
        yield event(
            {
                "type": "content_block_start",
                "index": len(self.content) - 1,
                "content_block": block,
            },
            "content_block_start",
        )

    def _delta(self, kind: str, **fields: object) -> bytes:
        return event(
            {
                "type": "content_block_delta",
                "index": len(self.content) - 1,
                "delta": {"type": kind, **fields},
            },
            "content_block_delta",
        )


def _input(arguments: str) -> Json:
    """An object; an empty one where the tokens ended inside it."""
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
