"""Logits -> one token id."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gptoss.engine.request import SamplingParams
from gptoss.errors import CheckpointError
from gptoss.kernels import Float32, Int64

Float64 = NDArray[np.float64]


def sample(logits: Float32, params: SamplingParams, *, seed: int, position: int) -> int:
    """The next token's id, from logits (vocabulary).

    The draw depends on seed and position alone, so that it is the same whatever ran before. Ties go to the lower
    id. Minus infinity and NaN are never chosen; raises CheckpointError if nothing else is left.
    """
    top = _most_likely(logits)
    if params.temperature == 0:
        return top
    ids, probabilities = _candidates(logits, params)
    cumulative = np.cumsum(probabilities)
    generator = np.random.Generator(np.random.Philox(key=seed, counter=position))
    threshold = generator.random() * cumulative[-1]
    # The first candidate whose cumulative sum is above the threshold; rounding may put that past the last,
    # or onto one that cannot be chosen.
    index = min(int(np.searchsorted(cumulative, threshold, side="right")), len(ids) - 1)
    while probabilities[index] == 0:
        index -= 1
    return int(ids[index])


def _most_likely(logits: Float32) -> int:
    top = int(np.argmax(logits))
    if np.isnan(logits[top]):
        logits[np.isnan(logits)] = -np.inf
        top = int(np.argmax(logits))
    if not np.isfinite(logits[top]):
        raise CheckpointError(
            f"the model's logits hold no finite value (largest {logits[top]}); the weights are damaged, "
            "or a logits processor forbade every token"
        )
    return top


def _candidates(logits: Float32, params: SamplingParams) -> tuple[Int64, Float64]:
    """Ids in ascending order and their unnormalised probabilities, the largest 1."""
    ids = np.arange(len(logits))
    with np.errstate(over="ignore"):
        # At a temperature near zero all but the largest may become minus infinity, as they should.
        scaled = (logits.astype(np.float64) - float(logits.max())) / params.temperature
    if 0 < params.top_k < len(ids):
        # Stable, so that the lower id wins a tie for the last place.
        ids = np.sort(np.argsort(-scaled, kind="stable")[: params.top_k])
    probabilities = np.exp(scaled[ids])
    if params.top_p < 1:
        order = np.argsort(-probabilities, kind="stable")
        before = np.cumsum(probabilities[order]) - probabilities[order]
        kept = np.sort(order[before < params.top_p * probabilities.sum()])
        ids, probabilities = ids[kept], probabilities[kept]
    if params.min_p > 0:
        kept = np.flatnonzero(probabilities >= params.min_p)
        ids, probabilities = ids[kept], probabilities[kept]
    return ids, probabilities
