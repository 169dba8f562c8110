"""The engine under several requests: python -m benchmarks.serving --model DIR.

Tokens a second of 1 to 16 sequences with prompts of their own, scheduler and sampler included; how long a running
answer waits when a long prompt comes in; what guesses bring on text that repeats itself.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np

from benchmarks.record import append
from gptoss.engine import Engine, EngineOptions, Request, SamplingParams
from gptoss.engine.sequence import Sequence
from gptoss.runtime import LoadedModel, load
from gptoss.runtime.options import DEFAULT_PRECISION

BATCHES = (1, 2, 4, 8, 16)
PROMPT, STEPS = 32, 16
LONG_PROMPT, STALL_SECONDS = 8192, 40.0


def new_engine(model: LoadedModel, *, speculates: bool = False) -> Engine:
    options = EngineOptions(
        context=min(16384, model.config.max_positions),
        speculates=speculates,
    )
    return Engine(model.transformer, options)


def prompt(model: LoadedModel, seed: int, length: int) -> list[int]:
    """Random ids: equal prompts would choose equal experts."""
    made: list[int] = (
        np.random.default_rng(seed).integers(0, model.tokenizer.vocab_size, length).tolist()
    )
    return made


def run_until_all_answer(engine: Engine, sequences: list[Sequence]) -> None:
    while not all(sequence.num_new for sequence in sequences):
        engine.step()


def throughput(model: LoadedModel, batch: int) -> float:
    """Tokens a second of so many sequences together, the median of steps."""
    engine = new_engine(model)
    sequences = [engine.add(Request(prompt(model, n, PROMPT))) for n in range(batch)]
    run_until_all_answer(engine, sequences)
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        engine.step()
        seconds.append(time.perf_counter() - began)
    return batch / statistics.median(seconds)


def stall(model: LoadedModel) -> dict[str, float]:
    """Seconds between the tokens of a running answer, before and while a long prompt is read."""
    engine = new_engine(model)
    running = engine.add(Request(prompt(model, 0, PROMPT)))
    run_until_all_answer(engine, [running])

    def gaps(until: float, sequence: Sequence | None) -> list[float]:
        found: list[float] = []
        last = time.perf_counter()
        while time.perf_counter() < until and not (
            sequence.num_new if sequence else len(found) > 20
        ):
            if any(output.sequence is running for output in engine.step()):
                found.append(time.perf_counter() - last)
                last = time.perf_counter()
        return found

    alone = gaps(time.perf_counter() + 10, None)
    length = min(LONG_PROMPT, engine.context - 100)
    added = engine.add(Request(prompt(model, 1, length)))
    began = time.perf_counter()
    mixed = gaps(began + STALL_SECONDS, added)
    return {
        "gap_alone_s": statistics.median(alone),
        "gap_with_8k_prompt_median_s": statistics.median(mixed),
        "gap_with_8k_prompt_max_s": max(mixed),
        "prefill_beside_an_answer_tokens_per_s": (added.num_prompt - min(added.num_pending, length))
        / (time.perf_counter() - began),
    }


def guesses(model: LoadedModel) -> dict[str, float]:
    """Tokens a second with and without guesses, of an answer that copies its prompt."""
    text = prompt(model, 3, 64)

    def copy(ids: object, logits: np.ndarray) -> np.ndarray:
        logits[text[len(ids) % len(text)]] += 1e4  # type: ignore[arg-type]
        return logits

    speeds = {}
    for speculates in (False, True):
        engine = new_engine(model, speculates=speculates)
        request = Request(
            text * 2, SamplingParams(temperature=0), max_tokens=96, processors=(copy,)
        )
        sequence = engine.add(request)
        while sequence.finish_reason is None:
            engine.step()
        speeds[speculates] = sequence.timings.decode_tokens_per_s
        timings = sequence.timings
    return {
        "copying_tokens_per_s": speeds[False],
        "copying_with_guesses_tokens_per_s": speeds[True],
        "guesses_right": timings.accepted_tokens / max(1, timings.drafted_tokens),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default=DEFAULT_PRECISION)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--kv", default=None)
    options = parser.parse_args()
    model = load(options.model, options.precision, weights=options.weights, kv=options.kv)
    throughput(model, 1)
    metrics: dict[str, float] = {}
    for batch in BATCHES:
        metrics[f"batch{batch}_tokens_per_s"] = throughput(model, batch)
        print(metrics, file=sys.stderr, flush=True)
    metrics |= stall(model)
    metrics |= guesses(model)
    common = {
        "isa": model.backend.isa,
        "threads": model.backend.threads,
        "model": model.name,
        "precision": f"{model.precision}, {model.weights} matrices, {model.cache_type} keys and values",
    }
    rounded = {name: round(value, 3) for name, value in metrics.items()}
    for name, value in rounded.items():
        print(f"{name:40}{value}")
    print(f"recorded in {append('serving.csv', common, rounded)}")


if __name__ == "__main__":
    main()
