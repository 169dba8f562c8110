"""Reading a long prompt, by how much lies before: python -m benchmarks.reading --model DIR [--kv bf16|int8].

A chunk of 512 tokens is read at each depth by turns with one at the beginning of a prompt, on one thread, and the ratio
of their processor times is kept: a machine's speed drifts and others use it too, which changes ratios little. Attention
alone grows with depth, so two layers (`gptoss synth DIR --layers 2`: one sliding, one full) tell of twenty-four. The
pages before the chunk hold copies, as in benchmarks.context.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np

import gptoss
from benchmarks.context import READ_TOKENS, deepen
from benchmarks.record import append
from gptoss.model.kv_cache import SequenceCache

DEPTHS = (0, 4096, 8192, 16384, 32768, 65536, 98304, 130048)
CHUNK, PAIRS = 512, 5


def measure(model: gptoss.LoadedModel) -> dict[str, float]:
    """The time of a chunk at each depth as a multiple of the first chunk's, medians over pairs."""
    transformer = model.transformer
    cache = transformer.new_cache(
        max_tokens=DEPTHS[-1] + (PAIRS + 3) * CHUNK + READ_TOKENS, max_sequences=2
    )
    random = np.random.default_rng(0)

    def seconds(sequence: SequenceCache) -> float:
        token_ids = random.integers(0, 199_998, CHUNK)
        began = time.process_time()
        transformer.prefill(sequence, token_ids)
        return time.process_time() - began

    def first_seconds() -> float:
        sequence = cache.sequence()
        taken = seconds(sequence)
        sequence.release()
        return taken

    first_seconds()
    metrics: dict[str, float] = {}
    for depth in DEPTHS:
        ratios = []
        for _ in range(PAIRS):
            sequence = cache.sequence()
            if depth:
                transformer.prefill(sequence, random.integers(0, 199_998, READ_TOKENS))
                deepen(sequence, depth)
            ratios.append(seconds(sequence) / first_seconds())
            sequence.release()
        metrics[f"chunk_at_{depth}_ratio"] = round(statistics.median(ratios), 3)
        metrics[f"chunk_at_{depth}_ratio_min"] = round(min(ratios), 3)
        metrics[f"chunk_at_{depth}_ratio_max"] = round(max(ratios), 3)
        print(depth, [round(ratio, 2) for ratio in ratios], file=sys.stderr, flush=True)
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--kv", default=None)
    options = parser.parse_args()
    model = gptoss.load(options.model, kv=options.kv, threads=1)
    common = {
        "isa": model.backend.isa,
        "threads": model.backend.threads,
        "model": model.name,
        "precision": f"{model.precision}, {model.weights} matrices, {model.cache_type} keys and values",
    }
    metrics = measure(model)
    for name, value in metrics.items():
        print(f"{name:32}{value}")
    print(f"recorded in {append('reading.csv', common, metrics)}")


if __name__ == "__main__":
    main()
