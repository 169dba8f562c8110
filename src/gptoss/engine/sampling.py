"""Logits -> one token id."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gptoss.engine.sampling_params import SamplingParams
from gptoss.engine.selection import largest, most_likely
from gptoss.kernels import Float32

Float64 = NDArray[np.float64]

# Probabilities are summed by blocks of so many, and then within one block: a running sum over all takes 1.4 ms.
BLOCK = 1024
# A colder temperature would divide by zero in float32. This one already leaves nothing but the largest logits.
COLDEST = 1e-30


def sample(logits: Float32, params: SamplingParams, *, seed: int, position: int) -> int:
    """The next token's id, from logits (vocabulary) that `adjust` has been applied to.

    The draw depends on the logits, seed and position alone, so that it is the same whatever ran before. Ties go to the
    lower id. Minus infinity and NaN are never chosen; raises CheckpointError if nothing else is left. Overwrites NaN
    with minus infinity.
    """
    top = most_likely(logits)
    if params.temperature == 0:
        return top
    uniform = np.random.Generator(np.random.Philox(key=seed, counter=position)).random
    if 0 < params.top_k < len(logits):
        ids = largest(logits, params.top_k)
        return int(ids[draw(logits[ids], logits[top], params, uniform)])
    return draw(logits, logits[top], params, uniform)


def draw(
    logits: Float32, peak: np.float32, params: SamplingParams, uniform: Callable[[], float]
) -> int:
    """The index of the chosen one of these logits, whose largest is `peak`; top_k has been applied.

    `uniform` gives numbers from 0 to below 1. For top_p no set of tokens is made, which would need a sort: one is
    drawn from all, and whether it belongs to the most likely ones is decided by adding up those more likely than
    itself. If it does not, neither does any that is less likely, and the next is drawn from the more likely ones. What
    is accepted in the end has the probability that it would have in a draw from the set.
    """
    weights = _weights(logits, peak, params.temperature)
    sums = _block_sums(weights)
    wanted = params.top_p * sums.sum()
    if params.min_p > 0:
        weights *= weights >= params.min_p
        sums = _block_sums(weights)
    while True:
        index = _index_at(uniform(), weights, sums)
        if params.top_p == 1:
            return index
        weights *= _is_before(logits, index)
        sums = _block_sums(weights)
        if sums.sum() < wanted:
            return index


def _weights(logits: Float32, peak: np.float32, temperature: float) -> Float32:
    """Probabilities times a constant, the largest 1."""
    with np.errstate(over="ignore"):
        # At a temperature near zero all but the largest may become minus infinity, as they should.
        scaled: Float32 = logits - peak
        if temperature != 1:
            scaled /= np.float32(max(temperature, COLDEST))
    return np.exp(scaled, out=scaled)


def _is_before(logits: Float32, index: int) -> NDArray[np.bool_]:
    """Which are more likely than the one at `index`, or as likely and of a lower id.

    By the logits, which are still distinct where rounding has made probabilities equal.
    """
    is_before: NDArray[np.bool_] = logits > logits[index]
    is_before[:index] |= logits[:index] == logits[index]
    return is_before


def _block_sums(weights: Float32) -> Float64:
    starts = np.arange(0, len(weights), BLOCK)
    sums: Float64 = np.add.reduceat(weights, starts, dtype=np.float64)
    return sums


def _index_at(uniform: float, weights: Float32, sums: Float64) -> int:
    """Where the running sum of weights passes `uniform`, 0 to below 1, times their sum. Never at a weight of 0."""
    reached = np.cumsum(sums)
    threshold = uniform * reached[-1]
    block = min(int(np.searchsorted(reached, threshold, side="right")), len(sums) - 1)
    start = block * BLOCK
    within = np.cumsum(weights[start : start + BLOCK], dtype=np.float64)
    before = reached[block - 1] if block else 0.0
    passed = int(np.searchsorted(within, threshold - before, side="right"))
    index = start + min(passed, len(within) - 1)
    if weights[index] == 0:
        # Rounding put the threshold past the last of the block that can be chosen.
        index = int(np.flatnonzero(weights[: index + 1])[-1])
    return index
