"""The stream of one request of Completions: several texts, told as they are generated."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss.server.completions.answer import Answer, Piece, usage_of
from gptoss.server.completions.reply import CompletionChunkChoice, Replies
from gptoss.server.fan_in import StreamWriter
from gptoss.server.shared.extension import Ignored
from gptoss.server.sse import DONE, event
from gptoss.server.wire_errors import ApiError


class CompletionWriter(StreamWriter[Piece, bytes]):
    """Writes the chunks of one request."""

    def __init__(self, replies: Replies, answers: Sequence[Answer], num: int | None) -> None:
        """`num`: how many answers each prompt has, if all tokens are to be told in the end."""
        self._replies = replies
        self._answers = answers
        self._num = num
        # Each is written at once, so one object serves for all chunks of an answer.
        self._choices = [
            CompletionChunkChoice(index=index, text="", logprobs=None, finish_reason=None)
            for index in range(len(answers))
        ]
        self._chunks = [replies.chunk(choice) for choice in self._choices]

    def feed(self, index: int, piece: Piece) -> bytes:
        """The chunk of a piece."""
        choice = self._choices[index]
        choice.text, choice.finish_reason = piece.text, piece.finish_reason
        if piece.finish_reason is not None and self._replies.ignored:
            self._chunks[index].gptoss = Ignored(ignored=list(self._replies.ignored))
        choice.logprobs = piece.logprobs
        return event(self._chunks[index])

    def fail(self, error: ApiError) -> bytes:
        """The error in the place of a chunk."""
        return event(error.body())

    def end(self) -> bytes:
        """The tokens of all texts, if they are wanted, and the mark of the end."""
        if self._num is None:
            return DONE
        chunk = self._replies.chunk()
        chunk.usage = usage_of(self._answers, self._num)
        return event(chunk) + DONE
