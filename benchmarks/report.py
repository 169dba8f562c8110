"""Puts the newest committed figures into README.md and the guides, and draws them: python -m benchmarks.report."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt

from benchmarks.record import RESULTS

README = Path("README.md")
PLOT = RESULTS / "peers.svg"
CONTEXT_PLOT = RESULTS / "context.svg"
STRUCTURED, SERVER = Path("docs/structured.md"), Path("docs/server.md")
GIB = 2**30

TASKS = {
    "prefill_128": "prefill, 128 tokens",
    "prefill_512": "prefill, 512 tokens",
    "prefill_2048": "prefill, 2048 tokens",
    "decode_24": "decode",
    "decode_24_depth4096": "decode after 4096 tokens",
    "decode_24_depth16384": "decode after 16384 tokens",
    "decode_12_batch2": "decode, 2 sequences",
    "decode_12_batch4": "decode, 4 sequences",
    "decode_12_batch8": "decode, 8 sequences",
    "decode_12_batch16": "decode, 16 sequences",
}
Row = dict[str, str]
Figures = dict[str, float]


def read(name: str) -> list[Row]:
    with (RESULTS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_kind(rows: list[Row]) -> dict[tuple[str, str, str], Figures]:
    """Newest value of each metric, by machine, instruction set and precision."""
    found: dict[tuple[str, str, str], Figures] = {}
    for row in rows:
        key = (row["machine"], row["isa"], row["precision"])
        found.setdefault(key, {})[row["metric"]] = float(row["value"])
    return found


def model_table() -> list[str]:
    """The newest run of each precision on the shapes of the 20B."""
    rows = [row for row in read("model.csv") if row["model"] == "synth20b"]
    machine = rows[-1]["machine"]
    kinds = {
        key: figures
        for key, figures in by_kind(rows).items()
        if key[0] == machine and "matrices" in key[2]
    }
    lines = [
        f"| {machine}, {rows[-1]['threads']} threads | " + " | ".join(k[2] for k in kinds) + " |",
        "|---|" + "---|" * len(kinds),
    ]
    facts = {
        "start of `gptoss chat` until it takes a question, warm, s": ("chat_ready_s", 1),
        "and until the first token of an answer (81 prompt tokens), s": ("chat_first_token_s", 1),
        **{
            f"prefill, {tokens} tokens, tokens/s": (f"prefill_{tokens}_tokens_per_s", 1)
            for tokens in (128, 512, 2048)
        },
        "decode, tokens/s": ("decode_16_tokens_per_s", 1),
        "and as a share of what memory allows, %": ("decode_share_of_memory", 0.01),
        **{
            f"decode after {depth} tokens, tokens/s": (f"decode_16_depth{depth}_tokens_per_s", 1)
            for depth in (4096, 16384)
        },
        **{
            f"decode, {batch} sequences, tokens/s": (f"decode_8_batch{batch}_tokens_per_s", 1)
            for batch in (2, 4, 8, 16)
        },
        "peak resident memory, weights included, GiB": ("bench_peak_rss_bytes", GIB),
    }
    for title, (metric, unit) in facts.items():
        cells = [
            f"{figures[metric] / unit:.1f}" if metric in figures else ""
            for figures in kinds.values()
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def peers_table() -> list[str]:
    """The newest figures beside llama.cpp, and their plot."""
    rows = read("peers.csv")
    machine = rows[-1]["machine"]
    kinds = {
        key: figures
        for key, figures in by_kind(rows).items()
        if key[0] == machine and "matrices" in key[2]
    }
    lines = [
        "",
        "Beside llama.cpp (llama-cpp-python 0.3.36) on the same weights, its other matrices in 8 bits as in the "
        f"official GGUF; {machine}, {rows[-1]['threads']} threads, twelve layers, by turns, medians of five pairs:",
        "",
        "| | gptoss, tokens/s | llama.cpp, tokens/s | ratio | memory, GB/s |",
        "|---|---|---|---|---|",
    ]
    bars: list[tuple[str, float]] = []
    for (_, isa, precision), figures in kinds.items():
        for task, title in TASKS.items():
            if f"{task}_ratio" not in figures:
                continue
            ours, theirs = (
                figures[f"{task}_{name}_tokens_per_s"] for name in ("gptoss", "llama.cpp")
            )
            ratio = figures[f"{task}_ratio"]
            suffix = "" if isa == "avx512vnni" else f", {isa} forced"
            memory = figures[f"{task}_read_gb_per_s"]
            lines.append(
                f"| {title} ({precision}{suffix}) | {ours:.1f} | {theirs:.1f} | {ratio:.2f} | {memory:.0f} |"
            )
            suffix += ", whole engine" if "whole engine" in precision else ""
            suffix += ", bf16" if precision.startswith("bf16") else ""
            bars.append((f"{title}{suffix}", ratio))
    draw(bars, f"{machine}, {rows[-1]['threads']} threads")
    return [
        *lines,
        "",
        "One sequence decodes as fast as memory is read, which drifts on this machine; the slower, the nearer are "
        f"both to it. Every run so far: {', '.join(decodes(rows, machine))}.",
        "",
        f"![Speed as a multiple of llama.cpp's]({PLOT.relative_to(README.parent.absolute())})",
    ]


def decodes(rows: list[Row], machine: str) -> list[str]:
    """The ratio of each decode beside llama.cpp, and the memory's speed in its run."""
    values: dict[str, list[float]] = {"decode_24_ratio": [], "decode_24_read_gb_per_s": []}
    for row in rows:
        is_same = row["machine"] == machine and row["precision"] == "int8, int8 matrices"
        if is_same and row["isa"] == "avx512vnni" and row["metric"] in values:
            values[row["metric"]].append(float(row["value"]))
    return [
        f"{ratio:.2f} at {speed:.0f} GB/s" for ratio, speed in zip(*values.values(), strict=True)
    ]


def draw(bars: list[tuple[str, float]], machine: str) -> None:
    """Ratios as bars, llama.cpp as a line at 1."""
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(bars) + 1.2))
    names, ratios = [name for name, _ in bars], [ratio for _, ratio in bars]
    drawn = axes.barh(names, ratios, color="#2a7f9e")
    axes.bar_label(drawn, fmt="%.2f", padding=3)
    axes.axvline(1, color="#b8860b", label="llama.cpp")
    axes.set(
        xlabel="tokens/s as a multiple of llama.cpp's", title=machine, xlim=(0, max(ratios) * 1.1)
    )
    axes.invert_yaxis()
    axes.legend()
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def context_table() -> list[str]:
    """Decode over a long context by kind of cache, and its plot; nothing before it was measured."""
    if not (RESULTS / "context.csv").exists():
        return []
    rows = [row for row in read("context.csv") if row["model"] == "synth20b"]
    machine = rows[-1]["machine"]
    kinds = {key[2]: f for key, f in by_kind(rows).items() if key[0] == machine}
    names = [re.fullmatch(r"depth(\d+)_ms", name) for name in next(iter(kinds.values()))]
    depths = [int(name[1]) for name in names if name is not None]
    lines = [
        "",
        f"Over a long context ({machine}, {rows[-1]['threads']} threads; the first 1,024 tokens are read, the keys and "
        "values of the rest are copies of theirs), milliseconds a token, and as a multiple of those of a short "
        "sequence that decodes by turns with it:",
        "",
        "| tokens before | " + " | ".join(kinds) + " |",
        "|---|" + "---|" * len(kinds),
    ]
    for depth in depths:
        cells = " | ".join(
            f"{figures[f'depth{depth}_ms']:.0f} ({figures[f'depth{depth}_over_depth0']:.2f})"
            for figures in kinds.values()
        )
        lines.append(f"| {depth:,} | {cells} |")
    peaks = " | ".join(f"{figures['peak_rss_bytes'] / GIB:.1f}" for figures in kinds.values())
    lines.append(f"| peak resident memory, GiB | {peaks} |")
    figure, axes = plt.subplots(figsize=(8, 4))
    for kind, figures in kinds.items():
        speeds = [1 / figures[f"depth{depth}_over_depth0"] for depth in depths]
        axes.plot(depths, speeds, marker="o", label=kind)
    axes.set_xscale("symlog", linthresh=4096)
    axes.set_xticks(depths, [f"{depth // 1024}k" for depth in depths])
    axes.set(
        xlabel="tokens before", ylabel="decode speed, short sequence = 1", title=machine, ylim=0
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(CONTEXT_PLOT, metadata={"Date": None})
    place = CONTEXT_PLOT.relative_to(README.parent.absolute())
    return [*lines, "", f"![Decode speed by the tokens before]({place})"]


def serving_table() -> list[str]:
    """The whole engine under several requests."""
    if not (RESULTS / "serving.csv").exists():
        return []
    rows = [row for row in read("serving.csv") if row["model"] == "synth20b"]
    figures = by_kind(rows)[rows[-1]["machine"], rows[-1]["isa"], rows[-1]["precision"]]
    speeds = ", ".join(f"{figures[f'batch{n}_tokens_per_s']:.1f}" for n in (1, 2, 4, 8, 16))
    return [
        "",
        f"The engine with 1, 2, 4, 8 and 16 sequences, scheduler and sampler included: {speeds} tokens/s together. "
        f"While a prompt of 8,192 tokens is read, a running answer's tokens come every "
        f"{figures['gap_with_8k_prompt_median_s']:.2f} s, {figures['gap_with_8k_prompt_max_s']:.2f} s at most.",
    ]


def quality_table() -> list[str]:
    """What each precision costs."""
    kinds = {key[2]: figures for key, figures in by_kind(read("quality.csv")).items()}
    lines = [
        "",
        "What a precision costs: on the embedded model, held-out sums of three to five digits at temperature 1, and "
        "how far next-token distributions move from float32's; with random weights in the shapes of the 20B, the "
        "relative error of the residual stream after the twelfth layer:",
        "",
        "| precision, attention and head | sums right | KL, nats a token | error |",
        "|---|---|---|---|",
    ]
    for precision, f in kinds.items():
        low, high = 100 * f["nano_accuracy_low"], 100 * f["nano_accuracy_high"]
        right = f"{100 * f['nano_accuracy']:.1f} % [{low:.1f}, {high:.1f}]"
        error = f"{100 * f['layer_12_error']:.1f} %" if "layer_12_error" in f else ""
        lines.append(f"| {precision} | {right} | {f['nano_kl']:.1e} | {error} |")
    return lines


def structured_table() -> list[str]:
    """Masks over the real vocabulary, beside xgrammar's."""
    rows = read("structured.csv")
    last = [row for row in rows if row["commit"] == rows[-1]["commit"]]
    f = {row["metric"]: float(row["value"]) for row in last}
    other = last[-1]["model"].partition(", ")[2]
    lines = [
        f"Measured on {last[-1]['machine']}, one thread: 362 schemas, random answers, the real vocabulary of 201,088 "
        f"tokens; microseconds ({other} on the same texts, by turns):",
        "",
        "| | mean | 99th percentile | most |",
        "|---|---|---|---|",
    ]
    names = {
        "compile": "compile a turn with its schema, once",
        "begin": "begin a sequence of it",
        "mask": "mask of a token",
        "apply": "apply it to logits",
        "same_mask": "mask, where both accept the text",
        "xgrammar_compile": f"{other}: compile a schema",
        "xgrammar_mask": f"{other}: mask, where both accept the text",
    }
    for name, what in names.items():
        if f"{name}_mean_us" in f:
            cells = (f"{f[f'{name}_{kind}_us']:,.0f}" for kind in ("mean", "p99", "max"))
            lines.append(f"| {what} | {' | '.join(cells)} |")
    return [
        *lines,
        "",
        f"A token of a turn without tools and schema takes {f['plain_turn_us']:.0f}. Indexing the vocabulary takes "
        f"{f['index_s']:.1f} s and {f['index_mib']:.0f} MiB, once, when the first turn with tools or a schema comes; "
        f"{100 * f['forced_share']:.0f} % of the tokens were forced.",
    ]


def load_text() -> list[str]:
    """The server under many clients."""
    rows = read("load.csv")
    f = {row["metric"]: float(row["value"]) for row in rows if row["commit"] == rows[-1]["commit"]}
    return [
        f"Measured on {rows[-1]['machine']} with the embedded model (`python -m benchmarks.load`): 16 streams run at "
        f"{100 * f['http_16_share']:.0f} % of the speed that they have without HTTP, "
        f"{f['http_16_tokens_per_s']:,.0f} tokens/s. 200 clients "
        f"for five minutes, some of whom left in the middle: {f['whole']:,.0f} whole answers, "
        f"{f['refused']:,.0f} times 429, {f['lost']:.0f} lost; {f['rss_mib']:.0f} MiB resident, "
        f"{f['rss_growth_mib']:+.0f} after the first quarter."
    ]


def soak_text() -> list[str]:
    """The server for a day."""
    f = {row["metric"]: float(row["value"]) for row in read("soak.csv")}
    rows = read("soak_curve.csv")
    late = [row for row in rows if float(row["server_hours"]) >= 18]
    hours = [float(row["server_hours"]) for row in late]
    slope = np.polyfit(hours, [float(row["rss_kib"]) / 1024 for row in late], 1)[0]
    return [
        f"A day by the server's own clock, which ran {f['speedup']:.0f} times as fast "
        f"(`python -m benchmarks.soak`): {f['requests']:,.0f} requests of every kind, wrong ones and clients that "
        f"leave among them. Resident memory came to {f['rss_mib']:.0f} MiB; its slope was "
        f"{f['rss_mib_per_hour']:.2f} MiB an hour after the first quarter, and {slope:.2f} in the last; "
        f"{f['threads_growth']:.0f} threads more, {f['descriptors_at_end']:.0f} descriptors at the end. "
        f"{f['lost']:.0f} lost.",
    ]


def put(path: Path, name: str, lines: list[str]) -> None:
    """Replace what stands between two marks of that name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    text = "\n".join(lines)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    # The same figures give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "gptoss"
    tables = (model_table, context_table, serving_table, peers_table, quality_table)
    put(README, "speed", [line for table in tables for line in table()])
    put(STRUCTURED, "structured", structured_table())
    put(SERVER, "load", load_text())
    put(SERVER, "soak", soak_text())


if __name__ == "__main__":
    main()
