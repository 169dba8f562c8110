"""Answers of a checkpoint to many prompts at once, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss import harmony
from gptoss.engine import EngineOptions, Request, SamplingParams
from gptoss.runtime import LoadedModel, load
from gptoss.structured import Constraint, TurnRules

BATCH = 64
MAX_NEW_TOKENS = 900
CONTEXT = 1200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, and the tokens it took."""

    content: str
    reasoning: str
    num_tokens: int
    is_clean: bool


class Answerer:
    """Generates in batches; a prompt's answer depends on the prompt and its index alone."""

    def __init__(
        self,
        directory: Path,
        *,
        precision: str = "bf16",
        weights: str = "stored",
        kv: str | None = None,
        grammar: bool = False,
    ) -> None:
        """`grammar`: whether answers are held to the chat format, as `gptoss chat` does; else what comes is judged."""
        options = EngineOptions(max_running=BATCH, context=CONTEXT, cache_tokens=BATCH * CONTEXT)
        self.model: LoadedModel = load(
            directory, precision, weights=weights, kv=kv, options=options
        )
        self._grammar = grammar
        self._stops = harmony.stop_ids(self.model.tokenizer)

    def answers(self, prompts: Sequence[list[int]], temperature: float) -> list[Answer]:
        """One answer for each prompt."""
        found: list[Answer] = []
        for start in range(0, len(prompts), BATCH):
            running = self.model.submit_all(
                self._request(prompt, temperature, start + index)
                for index, prompt in enumerate(prompts[start : start + BATCH])
            )
            found += [self._parse(list(generation)) for generation in running]
        return found

    def _request(self, prompt: list[int], temperature: float, seed: int) -> Request:
        held: tuple[Constraint, ...] = ()
        if self._grammar:
            turns = self.model.turns
            held = (turns.constraint(turns.compile(TurnRules()), len(prompt)),)
        sampling = SamplingParams(temperature=temperature, seed=seed)
        return self.model.request(
            prompt, sampling, max_tokens=MAX_NEW_TOKENS, processors=held, guides=held
        )

    def _parse(self, token_ids: list[int]) -> Answer:
        parser = harmony.Parser(self.model.tokenizer)
        parser.feed_all(token_ids)
        messages, repairs = parser.finish()
        texts = dict.fromkeys(harmony.Channel, "")
        for message in messages:
            texts[harmony.Channel(message.channel or "final")] += message.text
        is_clean = not repairs and token_ids[-1] in self._stops
        return Answer(
            texts[harmony.Channel.FINAL], texts[harmony.Channel.ANALYSIS], len(token_ids), is_clean
        )
