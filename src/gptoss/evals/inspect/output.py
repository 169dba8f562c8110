"""Finished turns -> what a model gave, as inspect-ai has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Content,
    ContentReasoning,
    ContentText,
    Logprob,
    Logprobs,
    ModelOutput,
    ModelUsage,
    StopReason,
    TopLogprob,
)

from gptoss.batch.turns import FinishedTurn
from gptoss.chat.reply import Reply
from gptoss.engine import FinishReason, Token
from gptoss.evals.inspect.messages import ARGUMENTS, tool_call
from gptoss.tokenizer import Tokenizer

# Of the output's metadata: places where the model left the chat format.
REPAIRS = "repairs"
# JSON has no infinity.
_NEVER = -9999.0


def model_output(
    name: str,
    turns: Sequence[FinishedTurn],
    tokenizer: Tokenizer,
    max_tokens: int | None,
    seconds: float,
) -> ModelOutput:
    """The output of turns that were asked for together; `max_tokens` as asked for, in `seconds`."""
    first = turns[0].reply
    return ModelOutput(
        model=name,
        choices=[_choice(name, turn, tokenizer, max_tokens) for turn in turns],
        usage=_usage([turn.reply for turn in turns]),
        time=seconds,
        metadata={
            REPAIRS: sum(len(turn.reply.repairs) for turn in turns),
            "seed": first.seed,
            "loop": None if first.loop is None else asdict(first.loop),
            "not_enforced": list(first.not_enforced),
            "timings": first.timings.to_dict(),
        },
    )


def too_long(name: str, error: Exception) -> ModelOutput:
    """The output for a prompt that the context has no room for: nothing was read or written."""
    return ModelOutput.from_content(name, str(error), stop_reason="model_length", error=str(error))


def _choice(
    name: str, turn: FinishedTurn, tokenizer: Tokenizer, max_tokens: int | None
) -> ChatCompletionChoice:
    reply = turn.reply
    content: str | list[Content] = reply.content
    if reply.reasoning:
        content = [ContentReasoning(reasoning=reply.reasoning), ContentText(text=reply.content)]
    ids = {f"call_{uuid4().hex[:12]}": call for call in reply.tool_calls}
    message = ChatMessageAssistant(
        content=content,
        tool_calls=[tool_call(id, each.name, each.arguments) for id, each in ids.items()] or None,
        metadata={ARGUMENTS: {id: each.arguments for id, each in ids.items()}} if ids else None,
        model=name,
        source="generate",
    )
    logprobs = [_logprob(token, tokenizer) for token in turn.tokens if token.logprobs is not None]
    return ChatCompletionChoice(
        message=message,
        stop_reason=_stop_reason(reply, max_tokens),
        logprobs=Logprobs(content=logprobs) if logprobs else None,
    )


def _stop_reason(reply: Reply, max_tokens: int | None) -> StopReason:
    match reply.finish_reason:
        case FinishReason.STOP:
            return "stop"
        case FinishReason.TOOL_CALLS:
            return "tool_calls"
        case FinishReason.LENGTH:
            is_limit = max_tokens is not None and reply.usage.completion_tokens >= max_tokens
            return "max_tokens" if is_limit else "model_length"
    return "unknown"


def _usage(replies: Sequence[Reply]) -> ModelUsage:
    """Tokens of answers to one prompt, which is read once."""
    first = replies[0].usage
    written = sum(reply.usage.completion_tokens for reply in replies)
    return ModelUsage(
        input_tokens=first.prompt_tokens - first.cached_tokens,
        input_tokens_cache_read=first.cached_tokens,
        output_tokens=written,
        total_tokens=first.prompt_tokens + written,
        reasoning_tokens=sum(reply.usage.reasoning_tokens for reply in replies),
    )


def _logprob(token: Token, tokenizer: Tokenizer) -> Logprob:
    found = token.logprobs
    assert found is not None
    top = [TopLogprob(**_spelt(id, logprob, tokenizer)) for id, logprob in found.top]
    return Logprob(**_spelt(token.id, found.logprob, tokenizer), top_logprobs=top or None)


def _spelt(token_id: int, logprob: float, tokenizer: Tokenizer) -> dict[str, Any]:
    piece = tokenizer.decode_bytes((token_id,))
    return {
        "token": piece.decode("utf-8", "replace"),
        "logprob": max(logprob, _NEVER),
        "bytes": [*piece],
    }
