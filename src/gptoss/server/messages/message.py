"""A message of Anthropic's API: whole, and as the events of a stream."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from gptoss.server.error_bodies import AnthropicError
from gptoss.server.replies import ABSENT, Count, FullReply, Made, Reply
from gptoss.server.shared.extension import Ignored

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"
]


class ThinkingBlock(Reply):
    """The chain of thought."""

    type: Literal["thinking"]
    thinking: str
    """Empty where `thinking.display` is `omitted`."""
    signature: str
    """Where the text is omitted, it is inside: hand the block back as it is. It proves nothing."""


class TextBlock(Reply):
    """The answer, or what is said to the user before tools are called."""

    type: Literal["text"]
    text: str


class ToolUseBlock(Reply):
    """A call of a tool, which the client is to answer with a `tool_result`."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]
    """Empty where the tokens ended inside it."""


Block = TypeAliasType(
    "Block", Annotated[ThinkingBlock | TextBlock | ToolUseBlock, Field(discriminator="type")]
)


class ThinkingTokens(Reply):
    """Of an answer."""

    thinking_tokens: Count
    """Tokens of the chain of thought."""


class MessageUsage(Reply):
    """Tokens of a message."""

    input_tokens: Count
    """Of the prompt, without those that were in the prefix cache."""
    cache_creation_input_tokens: Literal[0]
    cache_read_input_tokens: Count
    """Of the prompt, that were in the prefix cache."""
    output_tokens: Count
    """The chain of thought included."""
    output_tokens_details: ThinkingTokens


class FirstUsage(Reply):
    """Tokens before there is an answer; the usage in `message_delta` counts."""

    input_tokens: Count
    """Of the whole prompt."""
    output_tokens: Literal[0]


class Message(Reply):
    """An answer to a conversation."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[Block]
    """Blocks in the order in which they were written."""
    stop_reason: StopReason
    stop_sequence: str | None
    """Which of `stop_sequences` it was, where `stop_reason` is that."""
    usage: MessageUsage
    gptoss: Ignored = ABSENT


class StartedMessage(Reply):
    """A message that begins."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: Annotated[list[Any], Field(max_length=0)]
    stop_reason: None
    stop_sequence: None
    usage: FirstUsage


class MessageStart(Reply):
    """The first event."""

    type: Literal["message_start"]
    message: StartedMessage


class Ping(Reply):
    """A sign of life."""

    type: Literal["ping"]


class BlockStart(Reply):
    """A block begins, still empty."""

    type: Literal["content_block_start"]
    index: Count
    """Its place in `content`."""
    content_block: Block


class ThinkingDelta(Reply):
    """The next piece of the chain of thought."""

    type: Literal["thinking_delta"]
    thinking: str


class SignatureDelta(Reply):
    """The signature of the chain of thought, at its end."""

    type: Literal["signature_delta"]
    signature: str


class TextDelta(Reply):
    """The next piece of a text."""

    type: Literal["text_delta"]
    text: str


class InputDelta(Reply):
    """The next piece of a call's input."""

    type: Literal["input_json_delta"]
    partial_json: str
    """JSON once all pieces are put together."""


Delta = Annotated[
    ThinkingDelta | SignatureDelta | TextDelta | InputDelta, Field(discriminator="type")
]


class BlockDelta(FullReply):
    """A block goes on."""

    type: Literal["content_block_delta"]
    index: Count
    delta: Annotated[Delta, Made()]


class BlockStop(Reply):
    """A block is whole."""

    type: Literal["content_block_stop"]
    index: Count


class MessageEnd(Reply):
    """Why a message ended."""

    stop_reason: StopReason
    stop_sequence: str | None


class MessageDelta(Reply):
    """The message is whole."""

    type: Literal["message_delta"]
    delta: MessageEnd
    usage: MessageUsage
    gptoss: Ignored = ABSENT


class MessageStop(Reply):
    """The last event."""

    type: Literal["message_stop"]


MessageEvent = TypeAliasType(
    "MessageEvent",
    Annotated[
        MessageStart
        | Ping
        | BlockStart
        | BlockDelta
        | BlockStop
        | MessageDelta
        | MessageStop
        | AnthropicError,
        Field(discriminator="type"),
    ],
)


class MessageTokens(Reply):
    """How long a prompt is."""

    input_tokens: Count
