"""Choosing one token from logits as long as the real vocabulary: python -m benchmarks.sampling.

Each figure is the median time of a token, on logits where few tokens are likely (peaked) and where all are (flat).
NumPy alone: one thread, and no kernels.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.record import append, machine_name
from gptoss.engine.logprobs import logprobs_of
from gptoss.engine.penalties import TokenCounts, adjust
from gptoss.engine.sampling import sample
from gptoss.engine.sampling_params import SamplingParams
from gptoss.kernels import Float32

VOCAB_SIZE = 201_088
NUM_RUNS = 100
NUM_COUNTED = 4000
SAMPLED = {
    "greedy": SamplingParams(temperature=0),
    "temperature": SamplingParams(),
    "top_p": SamplingParams(top_p=0.95),
    "top_p_top_k": SamplingParams(top_p=0.95, top_k=50),
    "top_p_top_k_min_p": SamplingParams(top_p=0.95, top_k=50, min_p=0.05),
    "top_p_min_p": SamplingParams(top_p=0.95, min_p=0.05),
    "min_p": SamplingParams(min_p=0.05),
    "top_p_half": SamplingParams(top_p=0.5),
    "top_p_tenth": SamplingParams(top_p=0.1),
}


def rows() -> dict[str, Float32]:
    """Logits: a few stand out, all are alike, and the tail of a wide normal distribution."""
    rng = np.random.default_rng(0)
    peaked = rng.normal(0, 4, VOCAB_SIZE).astype(np.float32)
    peaked[rng.choice(VOCAB_SIZE, 5, replace=False)] = [30.5, 30, 29.5, 29, 28]
    return {
        "peaked": peaked,
        "flat": rng.normal(0, 1, VOCAB_SIZE).astype(np.float32),
        "wide": rng.normal(0, 4, VOCAB_SIZE).astype(np.float32),
    }


def tasks(logits: Float32) -> dict[str, Callable[[int], object]]:
    """What is timed, given the token's position."""

    def sampling(params: SamplingParams) -> Callable[[int], object]:
        return lambda position: sample(logits, params, seed=7, position=position)

    penalties = SamplingParams(frequency_penalty=0.5, presence_penalty=0.5, repetition_penalty=1.1)
    counts = TokenCounts(penalties, [])
    for token_id in range(0, 10 * NUM_COUNTED, 10):
        counts.add(token_id)
    # Written to again and again, which takes no longer.
    adjusted = logits.copy()
    return {
        **{name: sampling(params) for name, params in SAMPLED.items()},
        f"penalties_{NUM_COUNTED}": lambda _: adjust(adjusted, penalties, counts),
        "logprobs_5": lambda _: logprobs_of(logits, 17, 5),
    }


def median_us(task: Callable[[int], object]) -> float:
    """The median of runs at successive positions, in microseconds."""
    seconds = []
    for position in range(NUM_RUNS):
        began = time.perf_counter()
        task(position)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1e6


def main() -> None:
    metrics: dict[str, object] = {}
    for shape, logits in rows().items():
        for name, task in tasks(logits).items():
            metrics[f"{name}_{shape}_us"] = round(median_us(task))
    print(machine_name())
    for metric, value in metrics.items():
        print(f"{metric:40} {value:>12,}")
    append("sampling.csv", {"isa": "", "threads": 1, "model": "", "precision": ""}, metrics)


if __name__ == "__main__":
    main()
