"""Ours as a worker: python -m benchmarks.peers.gptoss_worker MODEL THREADS PRECISION WEIGHTS [ISA [KV [engine]]].

`engine`: the whole engine decodes, with its scheduler and sampler; otherwise the forward pass alone.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.peers.protocol import serve
from gptoss.engine import Engine, EngineOptions, Request
from gptoss.engine.sequence import Sequence
from gptoss.model.batch import Batch
from gptoss.runtime import LoadedModel, load


class Forward:
    """The forward pass itself, as the engine calls it."""

    def __init__(self, model: LoadedModel) -> None:
        self._transformer = model.transformer

    def prefill(self, prompts: list[list[int]]) -> None:
        longest = max(map(len, prompts)) + 512
        cache = self._transformer.new_cache(
            max_tokens=longest * len(prompts),
            max_sequences=len(prompts),
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


class Whole:
    """Requests to the engine, which samples their tokens itself."""

    def __init__(self, model: LoadedModel) -> None:
        options = EngineOptions(context=32768, speculates=False)
        self._engine = Engine(model.transformer, options)
        self._sequences: list[Sequence] = []

    def prefill(self, prompts: list[list[int]]) -> None:
        for sequence in self._sequences:
            self._engine.cancel(sequence)
        self._engine.prefixes.clear()
        self._sequences = [self._engine.add(Request(prompt)) for prompt in prompts]
        while not all(sequence.num_new for sequence in self._sequences):
            self._engine.step()

    def decode(self, token_ids: list[int]) -> None:
        outputs = self._engine.step()
        assert len(outputs) == len(token_ids)


if __name__ == "__main__":
    path, count, precision, weights, *rest = sys.argv[1:]
    isa, kv, kind = [*rest, *([None] * 3)][:3]
    loaded = load(path, precision, int(count), weights=weights, isa=isa, kv=kv)
    serve(Whole(loaded) if kind == "engine" else Forward(loaded))
