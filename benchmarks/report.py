"""Puts the committed figures into README.md and the guides, and draws them: python -m benchmarks.report.

`--check` changes nothing, and says which page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks import nano_suites, plots, speed_tables
from benchmarks.figures import by_kind, read, spread
from benchmarks.speed_tables import AMD, DEFAULT, ISA, SHORT_NAMES, STORED, TASKS

README, PERFORMANCE = Path("README.md"), Path("docs/performance.md")
STRUCTURED, SERVER, NANO = Path("docs/structured.md"), Path("docs/server.md"), Path("docs/nano.md")


def draw() -> None:
    """The newest figures of one machine as plots."""
    kinds = {kind: f for kind, f in by_kind(read("peers.csv")).items() if kind[0] == AMD}
    bars: list[tuple[str, float]] = []
    for (_, isa, precision), figures in kinds.items():
        for task, title in TASKS.items():
            if "matrices" in precision and f"{task}_ratio" in figures:
                suffix = "" if isa == ISA else f", {isa} forced"
                suffix += ", whole engine" if "whole engine" in precision else ""
                suffix += ", bf16" if precision.startswith("bf16") else ""
                bars.append((f"{title}{suffix}", figures[f"{task}_ratio"]))
    plots.draw_peers(bars, f"{AMD}, 2 threads")
    caches = {kind[2]: f for kind, f in by_kind(read("context.csv")).items() if kind[0] == AMD}
    plots.draw_context(caches, speed_tables.context_depths(), AMD)


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
    """The server under many clients: the newest whole run, and what HTTP costs over all runs."""
    rows = read("load.csv")
    last = [row["commit"] for row in rows if row["metric"] == "whole"][-1]
    whole = [row for row in rows if row["commit"] == last]
    f = {row["metric"]: float(row["value"]) for row in whole}
    shares = [100 * float(row["value"]) for row in rows if row["metric"] == "http_16_share"]
    machines = " and ".join(dict.fromkeys(SHORT_NAMES[row["machine"]] for row in rows))
    return [
        f"Measured with the embedded model (`python -m benchmarks.load`): 16 streams run at {spread(shares)} % of the "
        f"speed that they have without HTTP, in {len(shares)} runs on {machines}. 200 clients for five minutes, some "
        f"of whom left in the middle ({SHORT_NAMES[whole[0]['machine']]}): {f['whole']:,.0f} whole answers, "
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


def put(pages: dict[Path, str], path: Path, name: str, lines: list[str]) -> None:
    """Replace what stands between two marks of that name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = pages.setdefault(path, path.read_text(encoding="utf-8"))
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise SystemExit(f"report: {path} lacks the marks {begin} and {end}")
    pages[path] = "\n".join([f"{before}{begin}", *lines, f"{end}{after}"])


def pages() -> dict[Path, str]:
    """Each page with figures, as it should be."""
    made: dict[Path, str] = {}
    short = speed_tables.model_table(speed_tables.SHORT, (DEFAULT,))
    put(made, README, "speed", [*short, speed_tables.reading_row()])
    full = speed_tables.model_table(speed_tables.FULL, (DEFAULT, STORED))
    put(made, PERFORMANCE, "speed", [*full, "", speed_tables.gap_line()])
    put(made, PERFORMANCE, "reading", speed_tables.reading_table())
    put(made, PERFORMANCE, "context", speed_tables.context_table())
    put(made, PERFORMANCE, "peers", speed_tables.peers_table())
    put(made, PERFORMANCE, "precision", speed_tables.quality_table())
    put(made, STRUCTURED, "structured", structured_table())
    put(made, SERVER, "load", load_text())
    put(made, SERVER, "soak", soak_text())
    put(made, NANO, "suites", nano_suites.table())
    return made


def main() -> int:
    made = pages()
    stale = [path for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"report: {path} is stale; run `python -m benchmarks.report`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
