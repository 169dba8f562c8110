"""`/v1/chat/completions`: the whole reply, and the chunks of a stream."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.replies import ABSENT, Count, Nothing, Reply, UnixSeconds
from gptoss.server.shared.extension import Extension
from gptoss.server.shared.logprobs import TokenLogprobs
from gptoss.server.shared.usage import CachedTokens, ReasoningTokens

FinishReason = Literal["stop", "length", "tool_calls"]


class ChatLogprobs(Reply):
    """The tokens of an answer, without those of the chain of thought."""

    content: list[TokenLogprobs]
    refusal: None


class ChatFunction(Reply):
    """A function, and what it is called with."""

    name: str
    arguments: str
    """JSON as text."""


class ChatToolCall(Reply):
    """A call of a function, which the client is to answer with a message of the role `tool`."""

    id: str
    type: Literal["function"]
    function: ChatFunction


class ChatCustomText(Reply):
    """A custom tool, and the text that it is called with."""

    name: str
    input: str


class ChatCustomCall(Reply):
    """A call of a custom tool, which the client is to answer with a message of the role `tool`."""

    id: str
    type: Literal["custom"]
    custom: ChatCustomText


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
    tool_calls: list[Annotated[ChatToolCall | ChatCustomCall, Field(discriminator="type")]] = ABSENT
    """Only where tools are called."""


class ChatChoice(Reply):
    """One of the `n` answers."""

    index: Count
    message: ChatReplyMessage
    logprobs: ChatLogprobs | None
    """If `logprobs` asked for them."""
    finish_reason: FinishReason
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


class CallFunctionDelta(Reply):
    """What a chunk adds to a call."""

    name: str = ABSENT
    """In the first chunk of a call."""
    arguments: str
    """The next piece."""


class CustomTextDelta(Reply):
    """What a chunk adds to a call."""

    name: str = ABSENT
    """In the first chunk of a call."""
    input: str
    """The next piece."""


class AnyCallDelta(Reply):
    """What a chunk adds to a call."""

    index: Count
    """Which call of the answer."""
    id: str = ABSENT
    """In the first chunk of a call."""


class CallDelta(AnyCallDelta):
    """What a chunk adds to a call of a function."""

    type: Literal["function"] = ABSENT
    """In the first chunk of a call."""
    function: CallFunctionDelta


class CustomCallDelta(AnyCallDelta):
    """What a chunk adds to a call of a custom tool."""

    type: Literal["custom"] = ABSENT
    """In the first chunk of a call."""
    custom: CustomTextDelta


class ChatDelta(Reply):
    """What a chunk adds to an answer; only what it adds to is there, and nothing in the last one."""

    role: Literal["assistant"] = ABSENT
    """In the first chunk of an answer."""
    content: str = ABSENT
    """The next piece of the answer, or of what is said to the user before tools are called."""
    reasoning: str = ABSENT
    """The next piece of the chain of thought. Our extension."""
    reasoning_content: str = ABSENT
    """The same, as other servers call it."""
    tool_calls: Annotated[list[CallDelta | CustomCallDelta], Field(min_length=1, max_length=1)] = (
        ABSENT
    )


class ChatChunkChoice(Reply):
    """A piece of one of the answers."""

    index: Count
    """Which answer."""
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    """Of the tokens of the piece, if `logprobs` asked for them."""
    finish_reason: FinishReason | None
    """In the last chunk of an answer, otherwise null."""


class PromptProgress(Reply):
    """How much of the prompt is read."""

    total: Count
    """Tokens of the prompt."""
    cache: Count
    """Those that were in the prefix cache."""
    processed: Count
    """Those that are read."""
    time_ms: Count
    """Milliseconds since the request began."""


class ChatCompletionChunk(Reply):
    """A piece of a stream."""

    id: str
    """The same in all of a stream."""
    object: Literal["chat.completion.chunk"]
    created: UnixSeconds
    model: str
    system_fingerprint: str
    choices: Annotated[list[ChatChunkChoice], Field(max_length=1)]
    """One, or none in chunks that tell of `usage` or `prompt_progress`."""
    usage: ChatUsage | None = ABSENT
    """With `stream_options.include_usage`: null in all chunks but the last."""
    gptoss: Extension = ABSENT
    """Our extension, in the last chunk of each answer."""
    prompt_progress: PromptProgress = ABSENT
    """With `return_progress`, before the answer. Our extension."""
