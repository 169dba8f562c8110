"""One text that goes on from a prompt, as it is generated."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from gptoss.engine import FinishReason, Generation
from gptoss.runtime import LoadedModel
from gptoss.server.completions.logprobs import ToldTokens, joined
from gptoss.server.completions.reply import (
    CompletionChoice,
    CompletionLogprobs,
    CompletionUsage,
    FinishName,
)
from gptoss.server.completions.request import CompletionRequest
from gptoss.tokenizer.stop_strings import StopStrings


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer, with the tokens that it came with; the last says why the answer ended, and has no text."""

    text: str = ""
    logprobs: CompletionLogprobs | None = None
    finish_reason: FinishName | None = None


class Answer:
    """One answer: its text as far as it is sure, and its tokens."""

    def __init__(
        self, model: LoadedModel, body: CompletionRequest, prompt: list[int], generation: Generation
    ) -> None:
        self._tokenizer = model.tokenizer
        self._stops_at = model.stop_ids
        self._body = body
        self.prompt = prompt
        # Those up to the one that ended it: more may have been generated.
        self.num_tokens = 0
        self._generation = generation
        self._stops = StopStrings(body.stops)
        self._told = None if body.logprobs is None else ToldTokens(model.tokenizer, model.stop_ids)

    def cancel(self) -> None:
        """End it."""
        self._generation.cancel()

    @property
    def finish_reason(self) -> FinishName:
        """Why it ended, once it has."""
        is_stopped = self._stops.found or self._generation.finish_reason is FinishReason.STOP
        return "stop" if is_stopped else "length"

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """Its text as it becomes sure, and last why it ended."""
        echo = self._tokenizer.decode(self.prompt) if self._body.echo else ""
        if echo and not self._body.scores_prompt:
            yield Piece(echo)
            echo = ""
        async with contextlib.aclosing(self._texts()) as texts:
            async for text in texts:
                if echo:
                    # With its probabilities, which are there when the prompt is read.
                    yield self._echoed(echo)
                    echo = ""
                if text:
                    yield Piece(text, self._take())
        if echo:
            yield self._echoed(echo)
        yield Piece(logprobs=self._take(), finish_reason=self.finish_reason)

    async def whole(self, index: int) -> CompletionChoice:
        """All of it, when it has ended."""
        pieces = [piece async for piece in self.pieces()]
        return CompletionChoice(
            index=index,
            text="".join(piece.text for piece in pieces),
            logprobs=None if self._told is None else joined(piece.logprobs for piece in pieces),
            finish_reason=self.finish_reason,
        )

    async def _texts(self) -> AsyncGenerator[str, None]:
        """What of the text is sure after each token, perhaps nothing; the tokens are noted."""
        detokenizer = self._tokenizer.detokenizer()
        offset = len(self._tokenizer.decode(self.prompt)) if self._body.echo else 0
        async with contextlib.aclosing(self._generation.tokens_async()) as tokens:
            async for token in tokens:
                if token.id in self._stops_at:
                    # Whoever asks for a token behind an echoed prompt cuts off the last one that is told.
                    if self._told is not None:
                        self._told.add(token.id, token.logprobs, offset)
                    break
                self.num_tokens += 1
                if self._told is not None:
                    self._told.add(token.id, token.logprobs, offset)
                text = detokenizer.feed(token.id)
                offset += len(text)
                yield self._stops.feed(text)
                if self._stops.found is not None:
                    self._generation.finish(FinishReason.STOP)
                    return
        yield self._stops.feed(detokenizer.finish()) + self._stops.finish()

    def _echoed(self, text: str) -> Piece:
        """The prompt, and how likely its tokens were."""
        told = ToldTokens(self._tokenizer, self._stops_at)
        detokenizer, offset = self._tokenizer.detokenizer(), 0
        # Fewer if it was ended before they were known.
        known = (None, *self._generation.prompt_logprobs)
        for token_id, logprobs in zip(self.prompt, known, strict=False):
            told.add(token_id, logprobs, offset)
            offset += len(detokenizer.feed(token_id))
        return Piece(text, told.take())

    def _take(self) -> CompletionLogprobs | None:
        """Those of the tokens since the last time, if they are wanted."""
        return None if self._told is None else self._told.take()


def usage_of(answers: Sequence[Answer], num: int) -> CompletionUsage:
    """Tokens of all answers, of which each prompt has so many."""
    prompt = sum(len(one.prompt) for one in answers[::num])
    completion = sum(one.num_tokens for one in answers)
    return CompletionUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )
