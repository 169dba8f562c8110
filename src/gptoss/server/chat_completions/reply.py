"""Turns -> replies and chunks of the Chat Completions API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gptoss.chat import Reply, TurnEvent
from gptoss.engine import Token
from gptoss.harmony import (
    ContentDelta,
    PreambleDelta,
    ReasoningDelta,
)
from gptoss.server.replies import Json
from gptoss.server.shared import logprobs
from gptoss.server.shared.extension import extension_of
from gptoss.server.shared.ids import new_id
from gptoss.tokenizer import Tokenizer


def usage_of(replies: Sequence[Reply]) -> Json:
    """Tokens of all answers to one prompt."""
    prompt = replies[0].usage.prompt_tokens
    completion = sum(reply.usage.completion_tokens for reply in replies)
    reasoning = sum(reply.usage.reasoning_tokens for reply in replies)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": replies[0].usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def finish_reason_of(reply: Reply) -> str:
    """`stop`, `length` or `tool_calls`; what was ended from outside has `length`, since it is not whole."""
    return "length" if reply.finish_reason == "cancelled" else str(reply.finish_reason)


def logprobs_of(tokens: Sequence[Token], tokenizer: Tokenizer) -> Json:
    """Of an answer's tokens."""
    found = logprobs.logprobs_of(tokens, tokenizer)
    return {"content": [each.model_dump() for each in found], "refusal": None}


def preamble_of(reply: Reply) -> str:
    """What the model said to the user before it called tools."""
    return "".join(
        message.text
        for message in reply.messages
        if message.role == "assistant"
        and message.channel == "commentary"
        and not message.is_tool_call
    )


def choice_of(index: int, reply: Reply, calls: Sequence[Json], logprobs: Json | None) -> Json:
    """One of the answers, as a whole; `calls`: its calls of tools."""
    content = preamble_of(reply) + reply.content
    message: Json = {
        "role": "assistant",
        "content": content if content or not calls else None,
        "refusal": None,
        "annotations": [],
        "reasoning": reply.reasoning or None,
        "reasoning_content": reply.reasoning or None,
    }
    if calls:
        message["tool_calls"] = list(calls)
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": finish_reason_of(reply),
    }


@dataclass
class Chunks:
    """Makes the chunks of one request's stream."""

    model_name: str
    fingerprint: str
    has_usage: bool
    ignored: Sequence[str] = ()
    id: str = field(default_factory=lambda: new_id("chatcmpl-"))
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, choices: list[Json], **more: object) -> Json:
        """Any of them."""
        made: Json = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model_name,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        }
        if self.has_usage:
            made["usage"] = None
        return {**made, **more}

    def delta(self, index: int, delta: Json, logprobs: Json | None = None) -> Json:
        """A piece of an answer."""
        choice: Json = {
            "index": index,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": None,
        }
        return self.chunk([choice])

    def last(self, index: int, reply: Reply) -> Json:
        """The end of an answer."""
        choice: Json = {
            "index": index,
            "delta": {},
            "logprobs": None,
            "finish_reason": finish_reason_of(reply),
        }
        return self.chunk([choice], gptoss=extension_of(reply, self.ignored).model_dump())


def delta_of(event: TurnEvent) -> Json | None:
    """What an event that is no call's adds to an answer, if anything."""
    match event:
        case ReasoningDelta(text):
            return {"reasoning": text, "reasoning_content": text}
        case ContentDelta(text) | PreambleDelta(text):
            return {"content": text}
    return None
