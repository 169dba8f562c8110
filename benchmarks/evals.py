"""Times the runner of evaluations: python -m benchmarks.evals [--samples 1000] [--pairs 5].

The embedded model answers the same sums with the same seeds twice: by the runner, which keeps every answer in a folder
and grades it, and by turns alone, of which as many are open. They take turns, and the medians of both are compared.
Seconds of the processor are those of all threads of this process. -> results/evals.csv
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import gptoss
from benchmarks.record import append
from gptoss.batch.turns import places
from gptoss.chat.events import TurnFinished
from gptoss.chat.turn import Turn, begin_turns
from gptoss.evals.evaluation import Evaluation
from gptoss.evals.folder import RunFolder
from gptoss.evals.generated.arithmetic import Arithmetic
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.model_asker import ModelAsker, turn_request
from gptoss.evals.run import Unwatched, seed_of
from gptoss.runtime import LoadedModel


def timed(work: Callable[[], int]) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and the tokens that were written."""
    began, used = time.perf_counter(), time.process_time()
    tokens = work()
    return time.perf_counter() - began, time.process_time() - used, tokens


def by_runner(evaluation: Evaluation) -> int:
    """Run it into a new folder; the tokens of all answers."""
    with tempfile.TemporaryDirectory() as folder:
        settings = evaluation.settings.to_dict()
        with RunFolder(Path(folder, "run"), settings) as kept:
            run = evaluation.open(kept, Unwatched())
            asyncio.run(run.play())
            answers = [each.answer for play in run.plays() for each in play.exchanges]
    return sum(answer.usage.completion_tokens for answer in answers)


def by_turns(model: LoadedModel, evaluation: Evaluation) -> int:
    """Begin the same turns, and read each to its end; the tokens of all."""
    sampling, suite = evaluation.settings.sampling, evaluation.suite
    assert isinstance(suite, Arithmetic)
    waiting = iter(evaluation.samples)
    running: deque[Turn] = deque()
    tokens = 0
    while True:
        while len(running) < places(model) and (sample := next(waiting, None)) is not None:
            question = sampling.settled(suite.question(sample))
            seed = seed_of(sampling.seed, f"{sample.id}#0#0")
            running += begin_turns(model, turn_request(question, seed))
        if not running:
            return tokens
        for event in running.popleft().events():
            if isinstance(event, TurnFinished):
                tokens += event.reply.usage.completion_tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--reasoning", default="medium")
    options = parser.parse_args()
    with gptoss.load("nano") as model:
        suite = Arithmetic(GeneratedOptions(size=options.samples))
        asker = ModelAsker(model)
        evaluation = Evaluation(suite=suite, asker=asker, effort=options.reasoning)
        walls: dict[str, list[float]] = {"runner": [], "turns": []}
        used: dict[str, list[float]] = {"runner": [], "turns": []}
        for number in range(options.pairs):
            ways = {
                "runner": lambda: by_runner(evaluation),
                "turns": lambda: by_turns(model, evaluation),
            }
            # Neither is always the first.
            order = list(ways) if number % 2 else list(ways)[::-1]
            found = {}
            for name in order:
                wall, processor, found[name] = timed(ways[name])
                walls[name].append(wall)
                used[name].append(processor)
            assert found["runner"] == found["turns"], "the same seeds write the same tokens"
        metrics = {
            f"{name}_{unit}": round(statistics.median(values[name]), 3)
            for unit, values in (("wall_s", walls), ("processor_s", used))
            for name in ("turns", "runner")
        }
        for unit, values in (("wall", walls), ("processor", used)):
            pairs = zip(values["runner"], values["turns"], strict=True)
            added = statistics.median(ours / theirs - 1 for ours, theirs in pairs)
            metrics[f"added_{unit}_percent"] = round(100 * added, 1)
        metrics["samples"] = options.samples
        metrics["tokens"] = found["runner"]
        common = {
            "isa": model.backend.isa,
            "threads": model.backend.threads,
            "model": model.name,
            "precision": model.precision,
        }
        append("evals.csv", common, metrics)
        for name, value in metrics.items():
            print(f"{name:<24}{value:>12,}")
        print(json.dumps(metrics))


if __name__ == "__main__":
    main()
