"""The stream of one request of Chat Completions: several answers, told as they are written."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.round import Progress
from gptoss.harmony import ContentDelta, PreambleDelta
from gptoss.server.chat_completions.answer import ChatAnswer
from gptoss.server.chat_completions.chunks import AnswerChunks, ChatDelta, Chunks
from gptoss.server.fan_in import StreamWriter
from gptoss.server.sse import DONE, event
from gptoss.server.wire_errors import ApiError


class ChatWriter(StreamWriter[TurnEvent | Progress, bytes]):
    """Writes the chunks of one request."""

    def __init__(self, answers: Sequence[ChatAnswer], chunks: Chunks) -> None:
        self._chunks = chunks
        self._answers = answers
        self._chunks_of = [AnswerChunks(chunks, index) for index in range(len(answers))]
        self._replies: list[Reply] = []

    def begin(self, index: int) -> bytes:
        """The chunk that says whose an answer is."""
        return self._chunks_of[index].delta(ChatDelta(role="assistant", content=""))

    def feed(self, index: int, each: TurnEvent | Progress) -> bytes:
        """The chunk that an event becomes, if it does."""
        if isinstance(each, Progress):
            return self._chunks.progress(each)
        answer, chunks = self._answers[index], self._chunks_of[index]
        if isinstance(each, TurnFinished):
            self._replies.append(each.reply)
            return chunks.last(each.reply, answer.rest_of_logprobs())
        delta = answer.read(each)
        if delta is None:
            return b""
        is_said = isinstance(each, ContentDelta | PreambleDelta)
        return chunks.delta(delta, answer.new_logprobs() if is_said else None)

    def fail(self, error: ApiError) -> bytes:
        """The error in the place of a chunk."""
        return event(error.body())

    def end(self) -> bytes:
        """The tokens of all answers, if they are wanted, and the mark of the end."""
        has_usage = self._chunks.has_usage and self._replies
        return self._chunks.usage(self._replies) + DONE if has_usage else DONE
