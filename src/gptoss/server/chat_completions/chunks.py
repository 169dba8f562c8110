"""The chunks of a stream of Chat Completions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from gptoss import chat
from gptoss.chat.round import Progress
from gptoss.server.chat_completions.executed import ExecutedToolDelta
from gptoss.server.chat_completions.reply import (
    ChatLogprobs,
    ChatUsage,
    FinishName,
    finish_name_of,
    usage_of,
)
from gptoss.server.replies import ABSENT, Count, Reply, UnixSeconds
from gptoss.server.shared.extension import Extension, extension_of
from gptoss.server.shared.ids import new_id
from gptoss.server.sse import event


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
    executed_tools: Annotated[list[ExecutedToolDelta], Field(min_length=1, max_length=1)] = ABSENT
    """A call that the server runs. Our extension."""


class ChatChunkChoice(Reply):
    """A piece of one of the answers."""

    index: Count
    """Which answer."""
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    """Of the tokens of the piece, if `logprobs` asked for them; in the last chunk, of those without text."""
    finish_reason: FinishName | None
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


@dataclass
class Chunks:
    """Makes the chunks of one request's stream."""

    model_name: str
    fingerprint: str
    has_usage: bool
    ignored: Sequence[str] = ()
    id: str = field(default_factory=lambda: new_id("chatcmpl-"))
    created: int = field(default_factory=lambda: int(time.time()))
    began: float = field(default_factory=time.monotonic)

    def chunk(self, *choices: ChatChunkChoice) -> ChatCompletionChunk:
        """Any of them, with what all have."""
        made = ChatCompletionChunk(
            id=self.id,
            object="chat.completion.chunk",
            created=self.created,
            model=self.model_name,
            system_fingerprint=self.fingerprint,
            choices=list(choices),
        )
        if self.has_usage:
            made.usage = None
        return made

    def progress(self, now: Progress) -> bytes:
        """How much of the prompt is read."""
        made = self.chunk()
        made.prompt_progress = PromptProgress(
            total=now.total,
            cache=now.cached,
            processed=now.read,
            time_ms=round(1000 * (time.monotonic() - self.began)),
        )
        return event(made)

    def usage(self, replies: Sequence[chat.Reply]) -> bytes:
        """Tokens of all answers."""
        made = self.chunk()
        made.usage = usage_of(replies)
        return event(made)


class AnswerChunks:
    """Writes the chunks of one answer.

    Each is written at once, so one object serves for all: to make it anew for each would take as long as to write it.
    """

    def __init__(self, chunks: Chunks, index: int) -> None:
        self._choice = ChatChunkChoice(
            index=index, delta=ChatDelta(), logprobs=None, finish_reason=None
        )
        self._chunk = chunks.chunk(self._choice)
        self._ignored = chunks.ignored

    def delta(self, delta: ChatDelta, logprobs: ChatLogprobs | None = None) -> bytes:
        """A piece of it."""
        self._choice.delta = delta
        self._choice.logprobs = logprobs
        return event(self._chunk)

    def last(self, reply: chat.Reply, logprobs: ChatLogprobs | None) -> bytes:
        """Its end, and tokens that no text has come with."""
        self._choice.finish_reason = finish_name_of(reply)
        self._chunk.gptoss = extension_of(reply, self._ignored)
        return self.delta(ChatDelta(), logprobs)
