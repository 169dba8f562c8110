"""One model on this machine: start-up to the first token, prefill, decode, memory.

python -m benchmarks.model --model DIR. Each part runs in a process of its own, so that memory is that part's alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.record import append
from gptoss.chat.loading import DEFAULT_PRECISION

# A first answer as a user meets it: process start, imports, load, prefill of a short question, first token.
_CHAT = """
import sys, time
import gptoss
from gptoss.chat.speed import peak_rss_bytes
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prefill", default="512")
    parser.add_argument("--decode", default="32")
    parser.add_argument("--precision", default=DEFAULT_PRECISION)
    parser.add_argument("--weights", default="int8")
    options = parser.parse_args()
    kind = ["--precision", options.precision, "--weights", options.weights]
    bench = measure_bench(
        options.model, ["--prefill", options.prefill, "--decode", options.decode, *kind]
    )
    chat = measure_chat(options.model, options.precision, options.weights)
    common = {name: bench.pop(name) for name in ("isa", "threads", "model")}
    common["precision"] = f"{options.precision}, {options.weights} matrices"
    prefill, decode = bench["prefill_tokens_per_s"], bench["decode_tokens_per_s"]
    assert isinstance(prefill, float)
    assert isinstance(decode, float)
    metrics: dict[str, object] = {
        f"prefill_{options.prefill}_tokens_per_s": round(prefill, 2),
        "decode_tokens_per_s": round(decode, 2),
        "bench_peak_rss_bytes": bench["peak_rss_bytes"],
        **chat,
    }
    for name, value in metrics.items():
        print(f"{name:32}{value}")
    print(f"recorded in {append('model.csv', common, metrics)}")


if __name__ == "__main__":
    main()
