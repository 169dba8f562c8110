"""Puts the newest committed figures into README.md: python -m benchmarks.report."""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.record import RESULTS

README = Path("README.md")
BEGIN, END = "<!-- speed -->", "<!-- end of speed -->"
GIB = 2**30


def newest(model: str) -> tuple[dict[str, str], dict[str, float]]:
    """The last run's common columns and its metrics by name."""
    with (RESULTS / "model.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == model]
    # A run's rows stand together; the newest value of each metric is the last one.
    return rows[-1], {row["metric"]: float(row["value"]) for row in rows}


TASKS = {
    "prefill_128": "prefill, 128 tokens",
    "prefill_512": "prefill, 512 tokens",
    "decode_24": "decode",
    "decode_12_batch8": "decode, eight sequences together",
}


def peers() -> list[str]:
    """The newest figures beside llama.cpp."""
    with (RESULTS / "peers.csv").open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    last, values = rows[-1], {row["metric"]: float(row["value"]) for row in rows}
    lines = [
        "",
        "Beside llama.cpp (llama-cpp-python 0.3.36) on the same weights, its other matrices in 8 bits as in the "
        "official GGUF, ours as stored; twelve layers, by turns, medians of five pairs:",
        "",
        f"| {last['machine']}, {last['threads']} threads, {last['isa']}, {last['precision']} "
        "| gptoss, tokens/s | llama.cpp, tokens/s | ratio |",
        "|---|---|---|---|",
    ]
    for task, name in TASKS.items():
        ours, theirs = (
            values[f"{task}_gptoss_tokens_per_s"],
            values[f"{task}_llama.cpp_tokens_per_s"],
        )
        lines.append(f"| {name} | {ours:.1f} | {theirs:.1f} | {values[f'{task}_ratio']:.2f} |")
    return lines


def table() -> str:
    common, values = newest("synth20b")
    lines = [
        f"| {common['machine']}, {common['threads']} threads, {common['isa']}, {common['precision']} | |",
        "|---|---|",
        f"| start of `gptoss chat` until it takes a question, warm | {values['chat_ready_s']:.1f} s |",
        f"| and until the first token of an answer ({values['chat_prompt_tokens']:.0f} prompt tokens) "
        f"| {values['chat_first_token_s']:.1f} s |",
        f"| prefill, 512 tokens | {values['prefill_512_tokens_per_s']:.1f} tokens/s |",
        f"| decode | {values['decode_tokens_per_s']:.1f} tokens/s |",
        f"| peak resident memory, touched weights included: in a chat, in the benchmark "
        f"| {values['chat_peak_rss_bytes'] / GIB:.1f} GiB, {values['bench_peak_rss_bytes'] / GIB:.1f} GiB |",
    ]
    return "\n".join([*lines, *peers()])


def main() -> None:
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
