"""One text that goes on from a prompt, as it is generated."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from gptoss.engine import FinishReason, Generation, Token
from gptoss.runtime import LoadedModel
from gptoss.server.completions.reply import (
    CompletionChoice,
    CompletionLogprobs,
    CompletionUsage,
    FinishName,
)
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.shared.logprobs import NEVER
from gptoss.tokenizer.stop_strings import StopStrings


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer, with the tokens that it came with; the last is empty, and says why the answer ended."""

    text: str = ""
    tokens: Sequence[Token] = ()
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
        self._generation = generation
        self._stops = StopStrings(body.stops)
        # Characters before those of the tokens whose logprobs were not told yet.
        self._offset = len(self._tokenizer.decode(prompt)) if body.echo else 0
        self.tokens: list[Token] = []

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
        detokenizer = self._tokenizer.detokenizer()
        if self._body.echo:
            yield Piece(self._tokenizer.decode(self.prompt))
        held: list[Token] = []
        async with contextlib.aclosing(self._generation.tokens_async()) as tokens:
            async for token in tokens:
                if token.id in self._stops_at:
                    break
                held.append(token)
                self.tokens.append(token)
                text = self._stops.feed(detokenizer.feed(token.id) or "")
                if text:
                    yield Piece(text, held)
                    held = []
                if self._stops.found is not None:
                    self._generation.finish(FinishReason.STOP)
                    break
        if self._stops.found is None:
            rest = self._stops.feed(detokenizer.finish() or "") + self._stops.finish()
            if rest or held:
                yield Piece(rest, held)
        yield Piece(finish_reason=self.finish_reason)

    async def whole(self, index: int) -> CompletionChoice:
        """All of it, when it has ended."""
        text = "".join([piece.text async for piece in self.pieces()])
        return CompletionChoice(
            index=index,
            text=text,
            logprobs=self.logprobs(self.tokens),
            finish_reason=self.finish_reason,
        )

    def logprobs(self, tokens: Sequence[Token]) -> CompletionLogprobs | None:
        """The probabilities of tokens that follow those of the last call."""
        if self._body.logprobs is None:
            return None
        decode = self._tokenizer.decode
        known = [token for token in tokens if token.logprobs is not None]
        offsets = []
        for token in known:
            offsets.append(self._offset)
            self._offset += len(decode([token.id]))
        return CompletionLogprobs(
            tokens=[decode([token.id]) for token in known],
            token_logprobs=[max(t.logprobs.logprob, NEVER) for t in known if t.logprobs],
            top_logprobs=[
                {
                    decode([token_id]): max(value, NEVER)
                    for token_id, value in t.logprobs.top
                    if token_id not in self._tokenizer.special_ids
                }
                for t in known
                if t.logprobs
            ],
            text_offset=offsets,
        )


def usage_of(answers: Sequence[Answer], num: int) -> CompletionUsage:
    """Tokens of all answers, of which each prompt has so many."""
    prompt = sum(len(one.prompt) for one in answers[::num])
    completion = sum(len(one.tokens) for one in answers)
    return CompletionUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )
