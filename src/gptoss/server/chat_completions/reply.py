"""The whole reply of Chat Completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from gptoss import chat, engine
from gptoss.server.chat_completions.calls import AnyCall
from gptoss.server.chat_completions.executed import ExecutedTool
from gptoss.server.replies import ABSENT, Count, Nothing, Reply, UnixSeconds
from gptoss.server.shared.extension import Extension
from gptoss.server.shared.logprobs import TokenLogprobs
from gptoss.server.shared.usage import CachedTokens, ReasoningTokens

FinishName = Literal["stop", "length", "tool_calls"]


class ChatLogprobs(Reply):
    """The tokens of the answer, and of what is said before calls; none of the chain of thought.

    Where a stop string ended it, those of the string are the last.
    """

    content: list[TokenLogprobs]
    refusal: None


class ChatReplyMessage(Reply):
    """What the assistant said. Handed back as it is, it lets the model see its own reasoning while tools run."""

    role: Literal["assistant"]
    content: str | None
    """The answer; beside calls, what was said to the user before them, or null."""
    refusal: None
    annotations: Nothing
    reasoning: str | None
    """The chain of thought, raw: not meant for an application's users. Null where there is none. Our extension."""
    reasoning_content: str | None
    """The same, as other servers call it."""
    executed_tools: Annotated[list[ExecutedTool], Field(min_length=1)] = ABSENT
    """Calls that the server ran meanwhile, in their order, where it has run any. Our extension."""
    tool_calls: list[AnyCall] = ABSENT
    """Only where tools are called that the client runs."""


class ChatChoice(Reply):
    """One of the `n` answers."""

    index: Count
    message: ChatReplyMessage
    logprobs: ChatLogprobs | None
    """If `logprobs` asked for them."""
    finish_reason: FinishName
    """`length`: the tokens ended, or the server did; then it is not whole."""


class ChatUsage(Reply):
    """Tokens of a request; those of all `n` answers together."""

    prompt_tokens: Count
    completion_tokens: Count
    """The chain of thought included."""
    total_tokens: Count
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class ChatCompletion(Reply):
    """Answers to a conversation."""

    id: str
    object: Literal["chat.completion"]
    created: UnixSeconds
    model: str
    system_fingerprint: str
    """What an answer depends on beside the request: version and precision."""
    choices: Annotated[list[ChatChoice], Field(min_length=1)]
    usage: ChatUsage
    gptoss: Extension | list[Extension]
    """Our extension: an object, or with several answers a list of them."""


def finish_name_of(reply: chat.Reply) -> FinishName:
    """Why an answer ended; what was ended from outside has `length`, since it is not whole."""
    match reply.finish_reason:
        case engine.FinishReason.STOP:
            return "stop"
        case engine.FinishReason.TOOL_CALLS:
            return "tool_calls"
    return "length"


def usage_of(replies: Sequence[chat.Reply]) -> ChatUsage:
    """Tokens of all answers to one prompt."""
    first = replies[0].usage
    completion = sum(reply.usage.completion_tokens for reply in replies)
    reasoning = sum(reply.usage.reasoning_tokens for reply in replies)
    return ChatUsage(
        prompt_tokens=first.prompt_tokens,
        completion_tokens=completion,
        total_tokens=first.prompt_tokens + completion,
        prompt_tokens_details=CachedTokens(cached_tokens=first.cached_tokens),
        completion_tokens_details=ReasoningTokens(reasoning_tokens=reasoning),
    )
