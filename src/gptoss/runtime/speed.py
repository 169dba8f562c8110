"""Times a loaded model: prefill and decode apart."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from gptoss.model.batch import Batch
from gptoss.model.kv_cache import MAX_CHUNK
from gptoss.runtime.loaded_model import LoadedModel

# So many that every expert is touched: what comes from the disk is not measured.
WARM_UP_TOKENS = 64


def measure_speed(
    model: LoadedModel,
    *,
    prefill_tokens: int,
    decode_tokens: int,
    depth: int = 0,
    batch: int = 1,
    advance: Callable[[int], object] = lambda _: None,
) -> dict[str, object]:
    """Tokens a second over random prompts, after a warm-up; decode is the median of its steps.

    `depth` tokens are in the cache before either is measured; decode then continues the prefilled prompts, `batch`
    different ones at once, whose tokens all count. `advance` hears of tokens done. Raises RequestError if it does not
    all fit into the context.
    """
    total = depth + prefill_tokens + decode_tokens
    transformer = model.transformer
    cache = transformer.new_cache(max_tokens=total * batch, max_sequences=batch)
    sequences = [cache.sequence() for _ in range(batch)]
    sequences[0].require_room(total)
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, (batch, total))
    transformer.logits(ids[0, :WARM_UP_TOKENS])
    prefill_s = 0.0
    for sequence, prompt in zip(sequences, ids, strict=True):
        for start in range(0, depth, MAX_CHUNK):
            chunk = prompt[start : min(start + MAX_CHUNK, depth)]
            transformer.prefill(sequence, chunk)
            advance(len(chunk))
        began = time.perf_counter()
        transformer.prefill(sequence, prompt[depth : depth + prefill_tokens])
        prefill_s += time.perf_counter() - began
        advance(prefill_tokens)
    steps = []
    for position in range(depth + prefill_tokens, total):
        chunks = [
            (sequence, prompt[position : position + 1])
            for sequence, prompt in zip(sequences, ids, strict=True)
        ]
        began = time.perf_counter()
        transformer.forward(Batch.of(chunks))
        steps.append(time.perf_counter() - began)
        advance(batch)
    return {
        "model": model.name,
        "precision": model.precision,
        "weights": model.weights,
        "isa": model.backend.isa,
        "bf16_pairs": model.backend.bf16_pairs,
        "threads": model.backend.threads,
        "prefill_tokens": prefill_tokens,
        "decode_tokens": decode_tokens,
        "depth": depth,
        "batch": batch,
        "kv": model.cache_type,
        "prefill_tokens_per_s": batch * prefill_tokens / prefill_s,
        "decode_tokens_per_s": batch / statistics.median(steps),
        "load_s": model.load_s,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def peak_rss_bytes() -> int:
    """The most memory that this process has had resident, mapped files included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
