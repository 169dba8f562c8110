"""Rotary tables by YaRN: which angle each position turns each pair of a head."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels import Float32, Int64
from gptoss.model.config import RopeConfig

# Positions whose angles are computed in one call, always the same ones together: a vectorised
# cosine may round its last few elements otherwise, and a token's result must not depend on that.
_STEP = 1024


def inverse_frequencies(rope: RopeConfig, head_dim: int) -> NDArray[np.float64]:
    """Radians per position of each of the head_dim / 2 pairs, float64.

    Pairs that turn more than `beta_fast` times within the original context stay as they are, those
    that turn less than `beta_slow` times are slowed by `factor`; in between a linear ramp over the
    pair's index, whose ends are not rounded. Source: openai/gpt-oss torch/model.py.
    """
    pairs = np.arange(head_dim // 2, dtype=np.float64)
    unscaled = rope.theta ** (-2 * pairs / head_dim)

    def pair_that_turns(times: float) -> float:
        radians_per_position = times * 2 * math.pi / rope.original_context
        return -math.log(radians_per_position) / math.log(rope.theta) * head_dim / 2

    # The released model's ends lie inside; for short original contexts transformers clamps them.
    low = max(pair_that_turns(rope.beta_fast), 0)
    high = min(pair_that_turns(rope.beta_slow), head_dim - 1)
    slowed = np.clip((pairs - low) / (high - low), 0, 1)
    return unscaled * (1 - slowed) + unscaled / rope.factor * slowed


def concentration(rope: RopeConfig) -> float:
    """What YaRN multiplies cosine and sine by, so that scores grow by its square."""
    return 0.1 * math.log(rope.factor) + 1


class RotaryTables:
    """Cosines and sines by position, computed on first use; float64 inside, float32 out."""

    def __init__(self, rope: RopeConfig, head_dim: int) -> None:
        self._frequencies = inverse_frequencies(rope, head_dim)
        self._concentration = concentration(rope)
        self._cos = np.empty((0, head_dim // 2), np.float32)
        self._sin = np.empty((0, head_dim // 2), np.float32)

    @property
    def num_pairs(self) -> int:
        """Pairs of a head, head_dim / 2."""
        return len(self._frequencies)

    def take(self, positions: Int64, cos: Float32, sin: Float32) -> None:
        """Cosines and sines of positions (tokens) to cos and sin, each (tokens, head_dim / 2)."""
        self._grow(int(positions.max(initial=-1)) + 1)
        np.take(self._cos, positions, axis=0, out=cos)
        np.take(self._sin, positions, axis=0, out=sin)

    def _grow(self, num_positions: int) -> None:
        if num_positions <= len(self._cos):
            return
        # Twice as many, so that a growing sequence copies them seldom.
        missing = range(len(self._cos), max(num_positions, 2 * len(self._cos)), _STEP)
        angles = [
            np.outer(np.arange(start, start + _STEP, dtype=np.float64), self._frequencies)
            for start in missing
        ]
        scale = self._concentration
        cos = [(np.cos(a) * scale).astype(np.float32) for a in angles]
        sin = [(np.sin(a) * scale).astype(np.float32) for a in angles]
        self._cos = np.concatenate([self._cos, *cos])
        self._sin = np.concatenate([self._sin, *sin])
