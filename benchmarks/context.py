"""Decode and memory over a long context: python -m benchmarks.context --model DIR [--kv bf16|int8] [--budget 16G].

The first tokens are really read; the pages after them hold copies of theirs, since what keys say changes no time. The
whole cache is written, so memory is what a full context takes. At each depth a short sequence decodes by turns with the
long one: memory's speed drifts, ratios do not.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time

import numpy as np

from benchmarks.peers.workers import Probe
from benchmarks.record import append
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import SequenceCache
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.runtime import LoadedModel, load
from gptoss.runtime.options import DEFAULT_PRECISION
from gptoss.runtime.speed import peak_rss_bytes

DEPTHS = (0, 4096, 16384, 65536, 131072)
# Really computed, and decoded at each depth.
READ_TOKENS, STEPS = 1024, 12


def deepen(sequence: SequenceCache, depth: int) -> None:
    """Fill the cache up to a depth with copies of its first pages."""
    pools = {kind: sequence.cache.pool(kind) for kind in LayerType}
    sources = {kind: sequence.page_table(kind).copy() for kind in LayerType}
    while sequence.length < depth:
        count = min(PAGE_SIZE - sequence.length % PAGE_SIZE, depth - sequence.length)
        index = sequence.length // PAGE_SIZE
        sequence.reserve(count)
        for kind, pool in pools.items():
            held = sources[kind][sources[kind] >= 0]
            own = sequence.page_table(kind)[index]
            source = held[index % len(held)]
            if own != source:
                pool.pages[:, own] = pool.pages[:, source]
        sequence.advance(count)


def measure(model: LoadedModel, context: int) -> dict[str, float]:
    """Milliseconds a token at each depth, beside a short sequence's and memory's speed; bytes resident at the end."""
    transformer = model.transformer
    cache = transformer.new_cache(max_tokens=context + 2 * PAGE_SIZE * STEPS, max_sequences=2)
    sequence, short = cache.sequence(), cache.sequence()
    probe = Probe(model.backend.threads)
    random = np.random.default_rng(0)

    def seconds(each: SequenceCache) -> float:
        token_id = int(random.integers(0, 199_998))
        began = time.perf_counter()
        transformer.prefill(each, [token_id])
        return time.perf_counter() - began

    metrics: dict[str, float] = {}
    for depth in DEPTHS:
        if depth and sequence.length < READ_TOKENS:
            transformer.prefill(
                sequence, random.integers(0, 199_998, READ_TOKENS - sequence.length)
            )
        deepen(sequence, min(depth, context - STEPS))
        memory = probe.gigabytes_per_s()
        pairs = [(seconds(sequence), seconds(short)) for _ in range(STEPS)][2:]
        long_s, short_s = (statistics.median(column) for column in zip(*pairs, strict=True))
        metrics[f"depth{depth}_ms"] = round(1000 * long_s, 2)
        metrics[f"depth{depth}_over_depth0"] = round(statistics.median(a / b for a, b in pairs), 3)
        metrics[f"depth{depth}_depth0_ms"] = round(1000 * short_s, 2)
        metrics[f"depth{depth}_read_gb_per_s"] = round(max(memory, probe.gigabytes_per_s()), 1)
        print(depth, metrics, file=sys.stderr, flush=True)
    # The probe's own array was there all the time.
    metrics["peak_rss_bytes"] = peak_rss_bytes() - probe.num_bytes
    del probe
    metrics["rss_bytes"] = resident_bytes()
    return metrics


def resident_bytes() -> int:
    """Resident now, in which mapped files count."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default=DEFAULT_PRECISION)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--kv", default=None)
    parser.add_argument("--memory", default="16G")
    options = parser.parse_args()
    model = load(
        options.model,
        options.precision,
        weights=options.weights,
        kv=options.kv,
        memory=options.memory,
    )
    metrics = measure(model, model.context)
    common = {
        "isa": model.backend.isa,
        "threads": model.backend.threads,
        "model": model.name,
        "precision": f"{model.precision}, {model.weights} matrices, {model.cache_type} keys and values",
    }
    for name, value in metrics.items():
        print(f"{name:32}{value}")
    print(f"recorded in {append('context.csv', common, metrics)}")


if __name__ == "__main__":
    main()
