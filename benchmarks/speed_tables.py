"""The tables of README.md and docs/performance.md, as spreads over all committed runs.

Memory's speed drifts on shared machines, and what decodes drifts with it. So what was measured apart is told as a
spread, and what is to be compared as ratios of runs that took turns.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from benchmarks.figures import Figures, Kind, by_kind, kind_of, read, runs, spread

GIB = 2**30
DEFAULT = "int8, int8 matrices"
STORED = "bf16, stored matrices"
AMD, INTEL = "AMD EPYC", "Intel(R) Xeon(R) Processor"
SHORT_NAMES = {AMD: "AMD EPYC", INTEL: "Intel Xeon"}
ISA = "avx512vnni"
CHUNK = 512
CACHES = ("bf16 keys and values", "int8 keys and values")

TASKS = {
    "prefill_128": "prefill, 128 tokens",
    "prefill_512": "prefill, 512 tokens",
    "prefill_2048": "prefill, 2,048 tokens",
    "decode_24": "decode",
    "decode_24_depth4096": "decode after 4,096 tokens",
    "decode_24_depth16384": "decode after 16,384 tokens",
    "decode_12_batch2": "decode, 2 sequences",
    "decode_12_batch4": "decode, 4 sequences",
    "decode_12_batch8": "decode, 8 sequences",
    "decode_12_batch16": "decode, 16 sequences",
}


@dataclass(frozen=True)
class Fact:
    """A row: the metrics that tell of it, in which unit, and how exactly."""

    title: str
    metrics: tuple[str, ...]
    unit: float = 1
    digits: int = 0

    def cell(self, figures: dict[str, list[float]]) -> str:
        values = [value for metric in self.metrics for value in figures.get(metric, [])]
        return spread((value / self.unit for value in values), self.digits)


READY = Fact("from the command to the first question, warm, s", ("chat_ready_s",), digits=1)
FIRST = Fact(
    "and on to the first token of its answer (81 tokens to read), s",
    ("chat_first_token_s",),
    digits=1,
)
PREFILL = Fact(
    "reading a prompt of 512 tokens, tokens/s",
    ("prefill_512_tokens_per_s", "bench_prefill_512_tokens_per_s"),
)
DECODE = Fact(
    "writing one answer, tokens/s",
    tuple(
        f"{name}_tokens_per_s" for name in ("decode", "bench_decode", "decode_16", "chat_decode")
    ),
    digits=1,
)
PEAK = Fact("memory at most, weights included, GiB", ("bench_peak_rss_bytes",), GIB, 1)


def together(count: int) -> Fact:
    """So many answers at once: the bare model, and the whole engine."""
    metrics = (f"decode_8_batch{count}_tokens_per_s", f"batch{count}_tokens_per_s")
    return Fact(f"writing {count} answers at once, tokens/s together", metrics, digits=1)


SHARE = Fact(
    "writing one answer, as a share of what memory's speed allows, %",
    ("decode_share_of_memory",),
    0.01,
)
SHORT = (READY, FIRST, PREFILL, DECODE, together(8), PEAK)
FULL = (
    READY,
    FIRST,
    Fact("reading a prompt of 128 tokens, tokens/s", ("prefill_128_tokens_per_s",)),
    PREFILL,
    Fact("reading a prompt of 2,048 tokens, tokens/s", ("prefill_2048_tokens_per_s",)),
    DECODE,
    SHARE,
    *(together(count) for count in (2, 4, 8, 16)),
    PEAK,
)


def model_runs() -> dict[Kind, dict[str, list[float]]]:
    """All runs in the shapes of the 20B, the engine's under its precision without the cache's kind."""
    rows = [row for row in read("model.csv") if row["model"] == "synth20b"]
    for row in read("serving.csv"):
        precision = row["precision"].removesuffix(", bf16 keys and values")
        rows.append({**row, "precision": precision})
    return runs(rows)


def model_table(facts: tuple[Fact, ...], precisions: tuple[str, ...]) -> list[str]:
    """Spreads by machine and precision."""
    columns = [(machine, precision) for precision in precisions for machine in (AMD, INTEL)]
    found = model_runs()
    names = [
        SHORT_NAMES[machine] + (f", {precision}" if len(precisions) > 1 else "")
        for machine, precision in columns
    ]
    lines = ["| two cores of a shared machine | " + " | ".join(names) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    for fact in facts:
        cells = [fact.cell(found.get((m, ISA, p), {})) for m, p in columns]
        lines.append(f"| {fact.title} | {' | '.join(cells)} |")
    return lines


def reading_row() -> str:
    """How long prompts of 32k and 128k tokens take, from the time of their chunks."""
    machine, ratios = reading_runs()[CACHES[0]]
    figures = model_runs()[machine, ISA, DEFAULT]
    speeds = [value for metric in PREFILL.metrics for value in figures.get(metric, [])]
    short, long = (
        [minutes(ratios, tokens, speed) for speed in speeds] for tokens in (2**15, 2**17)
    )
    told = f"{spread(short)} min / {spread((each / 60 for each in long), 1)} h"
    cells = (told if wanted == machine else "" for wanted in (AMD, INTEL))
    return f"| reading a prompt of 32k / of 128k tokens | {' | '.join(cells)} |"


def reading_runs() -> dict[str, tuple[str, Figures]]:
    """The newest machine and figures of reading, by how keys and values are kept."""
    return {
        kind[2].removeprefix(f"{DEFAULT}, "): (kind[0], figures)
        for kind, figures in by_kind(read("reading.csv")).items()
    }


def minutes(ratios: dict[str, float], tokens: int, tokens_per_s: float) -> float:
    """Minutes of a prompt: each chunk takes the first one's time, times the ratio at its depth."""
    points = sorted(
        (int(found[1]), ratio)
        for name, ratio in ratios.items()
        if (found := re.fullmatch(r"chunk_at_(\d+)_ratio", name))
    )
    first = CHUNK / tokens_per_s
    return sum(first * _between(points, depth) for depth in range(0, tokens, CHUNK)) / 60


def _between(points: list[tuple[int, float]], depth: int) -> float:
    """The ratio at a depth, on the line between its neighbours."""
    for (low, at_low), (high, at_high) in itertools.pairwise(points):
        if depth <= high:
            return at_low + (at_high - at_low) * (depth - low) / (high - low)
    return points[-1][1]


def reading_table() -> list[str]:
    """The table of the time of each further chunk of a long prompt."""
    found = {cache: figures for cache, (_, figures) in reading_runs().items()}
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    depths = [int(m[1]) for name in names if (m := re.fullmatch(r"chunk_at_(\d+)_ratio", name))]
    lines = ["| tokens before | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for depth in depths:
        name = f"chunk_at_{depth}_ratio"
        cells = (
            f"{f[name]:.1f} ({spread((f[f'{name}_min'], f[f'{name}_max']), 1)})"
            for f in found.values()
        )
        lines.append(f"| {depth:,} | {' | '.join(cells)} |")
    return lines


def context_table() -> list[str]:
    """Decode over a long context, as a multiple of a short sequence's, by kind of cache."""
    found = {
        kind[2].removeprefix(f"{DEFAULT}, "): figures
        for kind, figures in runs(read("context.csv")).items()
    }
    depths = context_depths()
    lines = ["| tokens before | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for depth in depths:
        cells = (spread(each[f"depth{depth}_over_depth0"], 2) for each in found.values())
        lines.append(f"| {depth:,} | {' | '.join(cells)} |")
    peaks = (spread((b / GIB for b in each["peak_rss_bytes"]), 1) for each in found.values())
    return [*lines, f"| memory at most, GiB | {' | '.join(peaks)} |"]


def context_depths() -> list[int]:
    names = dict.fromkeys(row["metric"] for row in read("context.csv"))
    return [int(m[1]) for name in names if (m := re.fullmatch(r"depth(\d+)_ms", name))]


def gap_line() -> str:
    """The sentence on the pauses of a running answer while a long prompt is read."""
    rows = read("serving.csv")
    figures = by_kind(rows)[kind_of(rows[-1])]
    return (
        f"While the engine reads a prompt of 8,192 tokens, a running answer's tokens come every "
        f"{figures['gap_with_8k_prompt_median_s']:.2f} s, {figures['gap_with_8k_prompt_max_s']:.2f} s at most "
        f"({SHORT_NAMES[rows[-1]['machine']]})."
    )


def peers_table() -> list[str]:
    """Ratios to llama.cpp's speed over all runs."""
    found = {kind: f for kind, f in runs(read("peers.csv")).items() if "matrices" in kind[2]}
    lines = ["| | AMD EPYC | runs | Intel Xeon | runs |", "|---|---|---|---|---|"]
    forced = dict.fromkeys(kind[1] for kind in found if kind[1] != ISA)
    for precision in dict.fromkeys(kind[2] for kind in found):
        for isa in (ISA, *forced):
            for task, title in TASKS.items():
                each = [
                    found.get((m, isa, precision), {}).get(f"{task}_ratio", [])
                    for m in (AMD, INTEL)
                ]
                if any(each):
                    name = f"{title} ({precision}{'' if isa == ISA else f', {isa} forced'})"
                    cells = [f"{spread(values, 2)} | {len(values) or ''}" for values in each]
                    lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def quality_table() -> list[str]:
    """The table of the quality that each precision keeps."""
    kinds = {kind[2]: figures for kind, figures in by_kind(read("quality.csv")).items()}
    lines = ["| precision, attention and head | sums right | KL, nats a token | error |"]
    lines.append("|---|---|---|---|")
    for precision, f in kinds.items():
        low, high = 100 * f["nano_accuracy_low"], 100 * f["nano_accuracy_high"]
        right = f"{100 * f['nano_accuracy']:.1f} % [{low:.1f}, {high:.1f}]"
        error = f"{100 * f['layer_12_error']:.1f} %" if "layer_12_error" in f else ""
        lines.append(f"| {precision} | {right} | {f['nano_kl']:.1e} | {error} |")
    return lines
