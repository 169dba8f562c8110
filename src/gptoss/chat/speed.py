"""Times a loaded model: prefill and decode apart."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from gptoss.chat.loaded_model import LoadedModel
from gptoss.model.kv_cache import MAX_CHUNK

# So many that every expert is touched: what comes from the disk is not measured.
WARM_UP_TOKENS = 64


def measure_speed(
    model: LoadedModel,
    *,
    prefill_tokens: int,
    decode_tokens: int,
    depth: int = 0,
    advance: Callable[[int], object] = lambda _: None,
) -> dict[str, object]:
    """Tokens a second over random prompts, after a warm-up; decode is the median of its steps.

    `depth` tokens are in the cache before either is measured; decode then continues the prefilled prompt.
    `advance` hears of tokens done. Raises RequestError if it does not all fit into the context.
    """
    total = depth + prefill_tokens + decode_tokens
    transformer = model.transformer
    sequence = transformer.new_cache(max_tokens=total).sequence()
    sequence.require_room(total)
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, total)
    transformer.logits(ids[:WARM_UP_TOKENS])
    for start in range(0, depth, MAX_CHUNK):
        chunk = ids[start : min(start + MAX_CHUNK, depth)]
        transformer.prefill(sequence, chunk)
        advance(len(chunk))
    began = time.perf_counter()
    transformer.prefill(sequence, ids[depth : depth + prefill_tokens])
    prefill_s = time.perf_counter() - began
    advance(prefill_tokens)
    steps = []
    for token_id in ids[depth + prefill_tokens :]:
        began = time.perf_counter()
        transformer.prefill(sequence, [token_id])
        steps.append(time.perf_counter() - began)
        advance(1)
    return {
        "model": model.name,
        "precision": model.precision,
        "weights": model.matrices,
        "isa": model.backend.isa,
        "threads": model.backend.threads,
        "prefill_tokens": prefill_tokens,
        "decode_tokens": decode_tokens,
        "depth": depth,
        "prefill_tokens_per_s": prefill_tokens / prefill_s,
        "decode_tokens_per_s": 1 / statistics.median(steps),
        "load_s": model.load_s,
        "peak_rss_bytes": peak_rss_bytes(),
    }


def peak_rss_bytes() -> int:
    """The most memory that this process has had resident, mapped files included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
