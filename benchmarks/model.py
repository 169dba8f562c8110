"""One model on this machine: start-up to the first token, prefill, decode by depth and by batch, memory.

python -m benchmarks.model --model DIR. Each part runs in a process of its own, so that memory is that part's alone; how
fast memory is read is measured beside each task.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers.protocol import Task
from benchmarks.peers.workers import Probe, Worker
from benchmarks.record import append
from gptoss import kernels
from gptoss.model.config import Config
from gptoss.runtime.options import DEFAULT_PRECISION

TASKS = [
    *(Task("prefill", tokens) for tokens in (128, 512, 2048)),
    *(Task("decode", 16, depth=depth) for depth in (0, 4096, 16384)),
    *(Task("decode", 8, batch=batch) for batch in (2, 4, 8, 16)),
]
# Of a block of 32 weights: MXFP4, 8-bit, bfloat16.
_MXFP4, _INT8, _BF16 = 17, 34, 64

# A first answer as a user meets it: process start, imports, load, prefill of a short question, first token.
_CHAT = """
import sys, time
import gptoss
from gptoss.runtime.speed import peak_rss_bytes
model = gptoss.load(sys.argv[1], sys.argv[2], weights=sys.argv[3])
ready = time.time()
chat = gptoss.Chat(model, "low", max_tokens=24, current_date="2026-01-01")
reply = chat.send("What is 2 + 2?")
print(ready, peak_rss_bytes(), reply.timings.prompt_tokens, reply.timings.prefill_s,
      reply.timings.decode_tokens_per_s)
"""


def measure_chat(model: Path, precision: str, weights: str) -> dict[str, float]:
    """Seconds from process start until the model is ready and until the first token, and the peak of memory."""
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", _CHAT, str(model), precision, weights],
        capture_output=True,
        text=True,
        check=True,
    )
    ready, peak, prompt, prefill, decode = map(float, done.stdout.split())
    return {
        "chat_ready_s": round(ready - began, 2),
        "chat_prompt_tokens": int(prompt),
        "chat_first_token_s": round(ready - began + prefill, 2),
        "chat_decode_tokens_per_s": round(decode, 2),
        "chat_peak_rss_bytes": int(peak),
    }


def measure_bench(model: Path, arguments: list[str]) -> dict[str, object]:
    """What `gptoss bench --json` prints."""
    command = [sys.executable, "-m", "gptoss", "bench", "--json", "--model", str(model), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def decode_bytes(config: Config, weights: str) -> float:
    """What one token of one sequence reads of the weights at least: its experts, attention and the head."""
    c, block = config, _INT8 if weights == "int8" else _BF16
    expert = 3 * c.hidden_size * c.intermediate_size / 32 * _MXFP4
    heads = c.num_heads + c.num_kv_heads
    attention = 2 * c.hidden_size * heads * c.head_dim / 32 * block
    layer = c.experts_per_token * expert + attention
    return c.num_layers * layer + c.vocab_size * c.hidden_size / 32 * block


def measure_tasks(
    model: Path, precision: str, weights: str, repetitions: int, only: list[str]
) -> dict[str, float]:
    """Tokens a second of each task, medians after one that warms up; decodes beside memory's speed."""
    threads = kernels.available_threads()
    own = [sys.executable, "-m", "benchmarks.peers.gptoss_worker"]
    worker = Worker("gptoss", [*own, str(model), str(threads), precision, weights])
    probe, needed = Probe(threads), decode_bytes(Config.from_file(model / "config.json"), weights)
    metrics: dict[str, float] = {}
    for task in TASKS:
        if task.name not in only:
            continue
        speeds, shares = [], []
        for _ in range(repetitions + 1):
            memory = probe.gigabytes_per_s()
            speeds.append(task.num_tokens * task.batch / worker.seconds(task))
            memory = max(memory, probe.gigabytes_per_s())
            shares.append(needed * speeds[-1] / 1e9 / memory)
        metrics[f"{task.name}_tokens_per_s"] = round(statistics.median(speeds[1:]), 2)
        if task == Task("decode", task.num_tokens):
            metrics["decode_share_of_memory"] = round(statistics.median(shares[1:]), 3)
        print(task.name, metrics[f"{task.name}_tokens_per_s"], file=sys.stderr, flush=True)
    worker.close()
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prefill", default="512")
    parser.add_argument("--decode", default="32")
    parser.add_argument("--precision", default=DEFAULT_PRECISION)
    parser.add_argument("--weights", default="int8")
    names = [task.name for task in TASKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TASK")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    kind = ["--precision", options.precision, "--weights", options.weights]
    bench = measure_bench(
        options.model, ["--prefill", options.prefill, "--decode", options.decode, *kind]
    )
    chat = measure_chat(options.model, options.precision, options.weights)
    tasks = measure_tasks(
        options.model, options.precision, options.weights, options.repetitions, options.only
    )
    common = {name: bench.pop(name) for name in ("isa", "threads", "model")}
    common["precision"] = f"{options.precision}, {options.weights} matrices"
    prefill, decode = bench["prefill_tokens_per_s"], bench["decode_tokens_per_s"]
    assert isinstance(prefill, float)
    assert isinstance(decode, float)
    metrics: dict[str, object] = {
        f"bench_prefill_{options.prefill}_tokens_per_s": round(prefill, 2),
        "bench_decode_tokens_per_s": round(decode, 2),
        "bench_peak_rss_bytes": bench["peak_rss_bytes"],
        **tasks,
        **chat,
    }
    for name, value in metrics.items():
        print(f"{name:32}{value}")
    print(f"recorded in {append('model.csv', common, metrics)}")


if __name__ == "__main__":
    main()
