"""Answers of a checkpoint to many prompts at once, for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptoss import harmony
from gptoss.chat import LoadedModel, load
from gptoss.engine import SamplingParams
from gptoss.engine.sampling import sample
from gptoss.model.batch import Batch
from gptoss.model.kv_cache import SequenceCache

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


@dataclass(slots=True)
class _Running:
    index: int
    cache: SequenceCache
    pending: list[int]
    length: int
    new: list[int]


class Answerer:
    """Generates in batches; a prompt's answer depends on the prompt and its index alone."""

    def __init__(
        self, directory: Path, *, precision: str = "bf16", weights: str = "stored"
    ) -> None:
        self.model: LoadedModel = load(directory, precision, weights=weights)
        self._stops = harmony.stop_ids(self.model.tokenizer)

    def answers(self, prompts: Sequence[list[int]], temperature: float) -> list[Answer]:
        """One answer for each prompt."""
        params = SamplingParams(temperature=temperature)
        transformer = self.model.transformer
        cache = transformer.new_cache(max_tokens=BATCH * CONTEXT, max_sequences=BATCH)
        waiting: Iterator[tuple[int, list[int]]] = enumerate(prompts)
        running: list[_Running] = []
        done: dict[int, list[int]] = {}
        while True:
            while len(running) < BATCH and (item := next(waiting, None)) is not None:
                index, prompt = item
                running.append(_Running(index, cache.sequence(), prompt, len(prompt), []))
            if not running:
                break
            chunks = [(r.cache, np.asarray(r.pending, np.int64)) for r in running]
            logits = transformer.forward(Batch.of(chunks))
            for r, row in zip(running, logits, strict=True):
                position = r.length + len(r.new)
                token_id = sample(row, params, seed=r.index, position=position)
                r.new.append(token_id)
                r.pending = [token_id]
                if token_id in self._stops or len(r.new) == MAX_NEW_TOKENS:
                    r.cache.release()
                    done[r.index] = r.new
            running = [r for r in running if r.index not in done]
        return [self._parse(done[index]) for index in range(len(prompts))]

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
