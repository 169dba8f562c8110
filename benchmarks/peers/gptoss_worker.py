"""Our engine as a worker: python -m benchmarks.peers.gptoss_worker MODEL THREADS PRECISION WEIGHTS [ISA]."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.peers.protocol import serve
from gptoss.chat.loading import load
from gptoss.model.batch import Batch


class Gptoss:
    """The forward pass itself, as the engine calls it."""

    def __init__(
        self, directory: str, threads: int, precision: str, weights: str, isa: str | None
    ) -> None:
        self._transformer = load(
            directory, precision, threads, weights=weights, isa=isa
        ).transformer

    def prefill(self, prompts: list[list[int]]) -> None:
        longest = max(map(len, prompts)) + 512
        cache = self._transformer.new_cache(
            max_tokens=longest * len(prompts), max_sequences=len(prompts)
        )
        self._sequences = [cache.sequence() for _ in prompts]
        for sequence, prompt in zip(self._sequences, prompts, strict=True):
            self._transformer.prefill(sequence, prompt)

    def decode(self, token_ids: list[int]) -> None:
        chunks = [
            (sequence, np.array([token_id]))
            for sequence, token_id in zip(self._sequences, token_ids, strict=True)
        ]
        self._transformer.forward(Batch.of(chunks))


if __name__ == "__main__":
    model, count, chosen_precision, kind, *isa = sys.argv[1:]
    serve(Gptoss(model, int(count), chosen_precision, kind, isa[0] if isa else None))
