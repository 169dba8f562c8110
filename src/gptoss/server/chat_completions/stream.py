"""The stream of one request of Chat Completions: several answers, told as they are written."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.turn import Turn
from gptoss.harmony import (
    ContentDelta,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from gptoss.server.chat_completions.chunks import AnswerChunks, CallDeltas, ChatDelta, Chunks
from gptoss.server.chat_completions.reply import chat_logprobs_of
from gptoss.server.fan_in import fan_in, progress_of
from gptoss.server.service import Service
from gptoss.server.sse import DONE, event
from gptoss.server.starting import Started
from gptoss.server.wire_errors import api_error
from gptoss.tokenizer import Tokenizer

_PROGRESS_S = 0.5


class ChatStream:
    """Tells the answers of one request."""

    def __init__(
        self, service: Service, started: Started, chunks: Chunks, tokenizer: Tokenizer | None
    ) -> None:
        """`tokenizer` spells tokens, if they are told with their probabilities."""
        self._service = service
        self._tools = started.request.tools
        self._turns = started.turns
        self._chunks = chunks
        self._tokenizer = tokenizer
        self._replies: list[Reply] = []

    async def events(self, *, has_progress: bool) -> AsyncGenerator[bytes, None]:
        """All of them, and how much of the prompt is read before; the turns end when nobody reads on."""
        answers = [self._answer(index, turn) for index, turn in enumerate(self._turns)]
        try:
            merged = fan_in(answers, self._progress() if has_progress else None)
            async with contextlib.aclosing(merged):
                async for each in merged:
                    yield each
        except Exception as error:
            yield event(api_error(error).body())
        finally:
            self._service.forget(self._turns)
        if self._chunks.has_usage and self._replies:
            yield self._chunks.usage(self._replies)
        yield DONE

    async def _answer(self, index: int, turn: Turn) -> AsyncGenerator[bytes, None]:
        chunks, calls = AnswerChunks(self._chunks, index), CallDeltas(self._tools)
        yield chunks.delta(ChatDelta(role="assistant", content=""))
        num_told = 0
        async with contextlib.aclosing(self._service.events(turn)) as events:
            async for each in events:
                logprobs = None
                if self._tokenizer is not None and isinstance(each, ContentDelta | PreambleDelta):
                    tokens = turn.answer_tokens[num_told:]
                    num_told += len(tokens)
                    logprobs = chat_logprobs_of(tokens, self._tokenizer)
                if isinstance(each, TurnFinished):
                    self._replies.append(each.reply)
                    yield chunks.last(each.reply)
                elif (delta := _delta(each, calls)) is not None:
                    yield chunks.delta(delta, logprobs)

    async def _progress(self) -> AsyncGenerator[bytes, None]:
        async for now in progress_of(self._turns[0], _PROGRESS_S):
            yield self._chunks.progress(now)


def _delta(each: TurnEvent, calls: CallDeltas) -> ChatDelta | None:
    """What an event adds to an answer, if anything."""
    match each:
        case ReasoningDelta(text):
            return ChatDelta(reasoning=text, reasoning_content=text)
        case ContentDelta(text) | PreambleDelta(text):
            return ChatDelta(content=text)
        case ToolCallStarted(index, recipient):
            return calls.started(index, recipient)
        case ToolCallDelta(index, text):
            return calls.more(index, text)
    return None
