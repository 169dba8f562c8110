"""`/v1/chat/completions`: the whole reply, and the chunks of a stream."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.engine.sampling_params import MAX_SEED
from gptoss.server.replies import ABSENT, Count, Nothing, Reply, UnixSeconds

FinishReason = Literal["stop", "length", "tool_calls"]


class Loop(Reply):
    """A repetition that the turn fell into."""

    period: Count
    """How many tokens come again and again."""
    num_new: Count
    """How many tokens the turn had when it was noticed."""


class Repair(Reply):
    """A place where the model left the chat format."""

    seen: str
    """What it wrote, word for word."""
    assumed: str
    """What that was taken for."""


class Timings(Reply):
    """Where the time of a turn went, in seconds, and the tokens that it bought."""

    queue_s: float
    """Before it began."""
    prefill_s: float
    """Until the first token of the answer."""
    decode_s: float
    """For all tokens after the first."""
    prefill_tokens_per_s: float | None
    """Of the prompt's tokens that were not in the prefix cache; null where there is no such speed."""
    decode_tokens_per_s: float | None
    """Of the tokens after the first; null where there is none."""
    drafted_tokens: Count
    """Tokens that were guessed ahead."""
    accepted_tokens: Count
    """How many of them were right, each of which saved a step."""
    preemptions: Count
    """How often the turn gave its place to others, and was computed again."""


class Extension(Reply):
    """What the APIs have no words for: our extension, in every reply of a chat."""

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None
    """
    The request's, or one that was drawn: asked for again, it gives the same answer. May need 64 bits. Null where the
    turn was ended before it began.
    """
    reasoning_cut: bool
    """Whether the chain of thought was ended by `reasoning_tokens`."""
    loop: Loop | None
    """A repetition, if one was noticed."""
    repairs: list[Repair]
    """Where the model left the chat format, and what was assumed."""
    not_enforced: list[str]
    """In words, what of lenient schemas the answer and its calls were not held to."""
    ignored: list[str]
    """Fields of the request that were taken and do nothing."""
    timings: Timings


class TokenProbability(Reply):
    """A token that could have come."""

    token: str
    """What it spells; half a character is `\\ufffd`."""
    logprob: float
    """Natural logarithm of its probability, by the model's own logits; -9999 stands for never."""
    bytes: list[Annotated[int, Field(ge=0, le=255)]]
    """What it spells, as UTF-8."""


class TokenLogprobs(TokenProbability):
    """A token of the answer, and those most likely in its place."""

    top_logprobs: list[TokenProbability]
    """As many as `top_logprobs` asked for, the likeliest first."""


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


class CachedTokens(Reply):
    """Of a prompt."""

    cached_tokens: Count
    """Tokens that were in the prefix cache."""


class ReasoningTokens(Reply):
    """Of an answer."""

    reasoning_tokens: Count
    """Tokens of the chain of thought."""


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
