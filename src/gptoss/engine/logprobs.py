"""How likely the model itself found a token, and which ones it found most likely."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gptoss.engine.selection import largest, most_likely
from gptoss.kernels import Float32


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """Logprobs at one position: the chosen token's, and the most likely ones as (token id, logprob).

    `top` is descending, ties by id, and may have the chosen token too.
    """

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def logprobs_of(logits: Float32, token_id: int, num_top: int) -> TokenLogprobs:
    """The logprob of a token and of the `num_top` most likely ones, from logits (vocabulary), which stay as they are.

    They are the log-softmax of the logits given, meant to be the model's own: before bias, penalties, processors and
    temperature. A token whose logit is minus infinity or NaN has a logprob of minus infinity and is left out of
    `top`. Raises CheckpointError if no logit is finite.
    """
    if np.isnan(logits.max()):
        logits = np.where(np.isnan(logits), np.float32(-np.inf), logits)
    peak = logits[most_likely(logits)]
    with np.errstate(over="ignore"):
        # Logits further apart than float32 reaches: the lower one's probability is zero.
        weights = logits - peak
    np.exp(weights, out=weights)
    log_sum = math.log(float(weights.sum(dtype=np.float64)))
    top: list[tuple[int, float]] = []
    if num_top:
        ids = largest(logits, num_top)
        ids = ids[np.argsort(-logits[ids], kind="stable")]
        top = [(int(n), _below(peak, logits[n]) - log_sum) for n in ids if logits[n] > -np.inf]
    return TokenLogprobs(token_id, _below(peak, logits[token_id]) - log_sum, tuple(top))


def _below(peak: np.float32, logit: np.float32) -> float:
    # Before the logarithm is subtracted, so that no logprob can be above zero.
    return float(logit) - float(peak)
