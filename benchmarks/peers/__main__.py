"""Ours beside llama.cpp on the same weights: python -m benchmarks.peers --model DIR --gguf FILE --llama-python PYTHON.

PYTHON is that of an environment with llama-cpp-python compiled for this machine (benchmarks/README.md says how). Both
hold their model in memory and work by turns, so a model of twelve layers fits twice into 24 GB; ratios are per pair,
their median counts. Before each pair, how fast this machine reads memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.peers.protocol import Task
from benchmarks.peers.workers import Probe, Worker
from benchmarks.record import append, machine_name
from gptoss import kernels

TASKS = [
    Task("prefill", 128),
    Task("prefill", 512),
    Task("prefill", 2048),
    Task("decode", 24),
    Task("decode", 24, depth=4096),
    Task("decode", 24, depth=16384),
    Task("decode", 12, batch=2),
    Task("decode", 12, batch=4),
    Task("decode", 12, batch=8),
    Task("decode", 12, batch=16),
]


def compare(task: Task, ours: Worker, theirs: Worker, probe: Probe, pairs: int) -> dict[str, float]:
    """Medians over pairs; the first to run changes from pair to pair, and one pair more warms both up."""
    speeds: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    bandwidths = []
    for pair in range(pairs + 1):
        bandwidths.append(probe.gigabytes_per_s())
        for worker in (ours, theirs) if pair % 2 else (theirs, ours):
            speeds[worker.name].append(task.num_tokens * task.batch / worker.seconds(task))
    mine, other = speeds[ours.name][1:], speeds[theirs.name][1:]
    return {
        f"{ours.name}_tokens_per_s": statistics.median(mine),
        f"{theirs.name}_tokens_per_s": statistics.median(other),
        "ratio": statistics.median(a / b for a, b in zip(mine, other, strict=True)),
        "read_gb_per_s": statistics.median(bandwidths),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--llama-python", required=True)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--weights", default="stored")
    parser.add_argument("--isa", default=kernels.isas()[-1])
    parser.add_argument("--kv", default="bf16")
    parser.add_argument(
        "--engine",
        action="store_true",
        help="decode by the whole engine, scheduler and sampler included",
    )
    parser.add_argument("--threads", type=int, default=kernels.available_threads())
    parser.add_argument("--pairs", type=int, default=5)
    names = [task.name for task in TASKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TASK")
    options = parser.parse_args()
    threads = str(options.threads)
    own = [sys.executable, "-m", "benchmarks.peers.gptoss_worker"]
    ours = Worker(
        "gptoss",
        [*own, options.model, threads, options.precision, options.weights, options.isa, options.kv]
        + ["engine"] * options.engine,
    )
    script = Path(__file__).with_name("llama_worker.py")
    theirs = Worker(
        "llama.cpp", [options.llama_python, str(script), str(options.gguf.resolve()), threads]
    )
    probe = Probe(options.threads)
    table = Table(
        "task",
        "gptoss, tokens/s",
        "llama.cpp, tokens/s",
        "ratio",
        "memory, GB/s",
        title=machine_name(),
    )
    common = {
        "isa": options.isa,
        "threads": options.threads,
        "model": f"{Path(options.model).name} {options.gguf.name}",
        "precision": f"{options.precision}, {options.weights} matrices"
        + (f", {options.kv} keys and values" if options.kv != "bf16" else "")
        + (", whole engine" if options.engine else ""),
    }
    try:
        for task in TASKS:
            if task.name not in options.only:
                continue
            found = compare(task, ours, theirs, probe, options.pairs)
            table.add_row(task.name, *(f"{value:.2f}" for value in found.values()))
            metrics = {f"{task.name}_{name}": round(value, 3) for name, value in found.items()}
            append("peers.csv", common, metrics)
            Console(stderr=True).print(task.name, found)
    finally:
        ours.close()
        theirs.close()
    Console().print(table)


if __name__ == "__main__":
    main()
