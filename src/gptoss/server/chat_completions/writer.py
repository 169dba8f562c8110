"""The stream of one request of Chat Completions: several answers, told as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.tools import ToolSet
from gptoss.chat.turn import Progress, Turn
from gptoss.harmony import (
    ContentDelta,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from gptoss.server.chat_completions.chunks import AnswerChunks, CallDeltas, ChatDelta, Chunks
from gptoss.server.chat_completions.reply import ChatLogprobs, chat_logprobs_of
from gptoss.server.fan_in import StreamWriter
from gptoss.server.sse import DONE, event
from gptoss.server.wire_errors import ApiError
from gptoss.tokenizer import Tokenizer


@dataclass
class _Answer:
    turn: Turn
    chunks: AnswerChunks
    calls: CallDeltas
    num_told: int = 0


class ChatWriter(StreamWriter[TurnEvent | Progress, bytes]):
    """Writes the chunks of one request."""

    def __init__(
        self, turns: Sequence[Turn], tools: ToolSet, chunks: Chunks, tokenizer: Tokenizer | None
    ) -> None:
        """`tokenizer` spells tokens, if they are told with their probabilities."""
        self._chunks = chunks
        self._tokenizer = tokenizer
        self._answers = [
            _Answer(turn, AnswerChunks(chunks, index), CallDeltas(tools))
            for index, turn in enumerate(turns)
        ]
        self._replies: list[Reply] = []

    def begin(self, index: int) -> bytes:
        """The chunk that says whose an answer is."""
        return self._answers[index].chunks.delta(ChatDelta(role="assistant", content=""))

    def feed(self, index: int, each: TurnEvent | Progress) -> bytes:
        """The chunk that an event becomes, if it does."""
        answer = self._answers[index]
        chunks, calls = answer.chunks, answer.calls
        match each:
            case ContentDelta(text) | PreambleDelta(text):
                return chunks.delta(ChatDelta(content=text), self._logprobs(answer))
            case ReasoningDelta(text):
                return chunks.delta(ChatDelta(reasoning=text, reasoning_content=text))
            case ToolCallStarted(number, recipient):
                return chunks.delta(calls.started(number, recipient))
            case ToolCallDelta(number, text):
                delta = calls.more(number, text)
                return b"" if delta is None else chunks.delta(delta)
            case TurnFinished(reply):
                self._replies.append(reply)
                return chunks.last(reply)
            case Progress():
                return self._chunks.progress(each)
        return b""

    def fail(self, error: ApiError) -> bytes:
        """The error in the place of a chunk."""
        return event(error.body())

    def end(self) -> bytes:
        """The tokens of all answers, if they are wanted, and the mark of the end."""
        has_usage = self._chunks.has_usage and self._replies
        return self._chunks.usage(self._replies) + DONE if has_usage else DONE

    def _logprobs(self, answer: _Answer) -> ChatLogprobs | None:
        """Return those of the answer's tokens since the last time, if they are wanted."""
        if self._tokenizer is None:
            return None
        tokens = answer.turn.answer_tokens[answer.num_told :]
        answer.num_told += len(tokens)
        return chat_logprobs_of(tokens, self._tokenizer)
