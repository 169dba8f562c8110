"""One assistant turn over a conversation: render, generate, parse."""

from __future__ import annotations

from collections.abc import Iterator

from gptoss import harmony
from gptoss.chat.events import TurnEvent, TurnFinished
from gptoss.chat.loading import LoadedModel
from gptoss.chat.reply import Reply, Usage
from gptoss.engine import FinishReason, SamplingParams


class Turn:
    """The assistant's next turn, generating from the moment it is made.

    Raises RequestError, before anything is generated, for a conversation that does not fit.
    """

    def __init__(
        self,
        model: LoadedModel,
        conversation: harmony.Conversation,
        sampling: SamplingParams,
        *,
        max_tokens: int | None = None,
    ) -> None:
        declared = harmony.declared_recipients(conversation)
        self._parser = harmony.Parser(model.tokenizer, recipients=declared)
        prompt = harmony.render(conversation, model.tokenizer)
        self._generation = model.submit(prompt, sampling, max_tokens=max_tokens)

    def events(self) -> Iterator[TurnEvent]:
        """Its events as they come, last a TurnFinished; closing the iterator ends the generation."""
        parser, generation = self._parser, self._generation
        reasoning_tokens = 0
        try:
            for token_id in generation:
                yield from parser.feed(token_id)
                reasoning_tokens += parser.is_reasoning
        finally:
            generation.cancel()
        yield from parser.close()
        messages, repairs = parser.finish()
        timings = generation.timings
        usage = Usage(timings.prompt_tokens, timings.completion_tokens, reasoning_tokens)
        reason = generation.finish_reason or FinishReason.CANCELLED
        reply = Reply.of(messages, repairs, reason, usage, timings, generation.seed)
        yield TurnFinished(reply)

    def cancel(self) -> None:
        """End the generation; `events` then gives what there is, with the finish reason `cancelled`."""
        self._generation.cancel()
