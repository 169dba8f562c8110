"""Draws the curves and writes the tables of README.md here, model card and guide: python -m recipes.nano.report."""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

from recipes.nano import boundaries
from recipes.nano.arithmetic import LEVELS
from recipes.nano.evaluate import RESULTS, wilson

COLOURS = {"low": "#b8860b", "medium": "#2a7f9e", "high": "#3b3a9a"}
BEGIN, END = "<!-- {} -->", "<!-- end of {} -->"
README = Path(__file__).parent / "README.md"
CARD, GUIDE = Path("src/gptoss/nano/MODEL_CARD.md"), Path("docs/nano.md")
Row = dict[str, str]


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pooled(rows: Iterable[Row]) -> tuple[int, int, float]:
    """Asked, right, and mean tokens over several cells."""
    chosen = list(rows)
    asked = sum(int(row["asked"]) for row in chosen)
    tokens = sum(float(row["mean_tokens"]) * int(row["asked"]) for row in chosen)
    return asked, sum(int(row["right"]) for row in chosen), tokens / asked


def share(rows: Iterable[Row]) -> str:
    """Accuracy with its interval, for a table."""
    asked, right, _ = pooled(rows)
    low, high = wilson(right, asked)
    return f"{100 * right / asked:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def cells(rows: list[Row], level: str, task: str, temperature: str) -> list[Row]:
    """Rows of a level and temperature whose task begins so."""
    return [
        row
        for row in rows
        if row["level"] == level
        and row["task"].startswith(task)
        and row["temperature"] == temperature
    ]


def sums_table(rows: list[Row], temperature: str) -> str:
    """Digits down, levels across; additions and subtractions together."""
    lines = ["| digits | low | medium | high |", "|---|---|---|---|"]
    for digits in range(1, 6):
        shares = [share(cells(rows, level, f"{digits}-digit", temperature)) for level in LEVELS]
        lines.append(f"| {digits} | " + " | ".join(shares) + " |")
    tokens = [
        pooled(r for d in range(1, 6) for r in cells(rows, level, f"{d}-digit", temperature))[2]
        for level in LEVELS
    ]
    lines.append("| mean tokens of an answer | " + " | ".join(f"{n:.0f}" for n in tokens) + " |")
    return "\n".join(lines)


def other_table(rows: list[Row], temperature: str) -> str:
    """What is no sum."""
    lines = ["| asked | low | medium | high |", "|---|---|---|---|"]
    for task in ("facts, trained phrasings", "facts, unseen phrasings", "outside its domain"):
        shares = [share(cells(rows, level, task, temperature)) for level in LEVELS]
        lines.append(f"| {task} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def malformed_line(rows: list[Row]) -> str:
    asked = sum(int(row["asked"]) for row in rows)
    malformed = sum(int(row["malformed"]) for row in rows)
    return f"{malformed} of all {asked} answers needed a repair of their format or did not end."


def put(path: Path, name: str, text: str) -> None:
    """Replace what stands between a file's marks."""
    content = path.read_text(encoding="utf-8")
    begin, end = BEGIN.format(name), END.format(name)
    head, rest = content.split(begin)
    _, tail = rest.split(end)
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def draw_accuracy(rows: list[Row], path: Path) -> None:
    """Accuracy by digits, a line for each level, with its interval."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for shift, level in enumerate(LEVELS):
        digits, heights, below, above = [], [], [], []
        for count in range(1, 6):
            asked, right, _ = pooled(cells(rows, level, f"{count}-digit", "1.0"))
            low, high = wilson(right, asked)
            digits.append(count + (shift - 1) * 0.06)
            heights.append(100 * right / asked)
            # Rounding may put a bound a hair beyond the share itself.
            below.append(max(0.0, 100 * (right / asked - low)))
            above.append(max(0.0, 100 * (high - right / asked)))
        axes.errorbar(
            digits,
            heights,
            (below, above),
            marker="o",
            capsize=3,
            label=level,
            color=COLOURS[level],
        )
    axes.set(xlabel="digits of the longer operand", ylabel="right answers (%)", ylim=(-2, 102))
    axes.set_xticks(range(1, 6))
    axes.grid(alpha=0.25)
    axes.legend(title="reasoning", frameon=False)
    axes.set_title("gptoss-nano on held-out sums, temperature 1", loc="left", fontsize=10)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_training(metrics: list[Row], validation: list[Row], path: Path) -> None:
    """Loss above, greedy accuracy of whole traces below, by tokens."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(6.4, 5), sharex=True, layout="constrained")
    tokens = [int(row["tokens"]) / 1e6 for row in metrics]
    above.plot(tokens, [float(row["loss"]) for row in metrics], color="#444", linewidth=0.8)
    above.set(ylabel="loss", yscale="log")
    above.grid(alpha=0.25)
    above.set_title("training of gptoss-nano", loc="left", fontsize=10)
    for level in LEVELS:
        for digits, style in (("3", "--"), ("5", "-")):
            mine = [row for row in validation if row["sums"] == f"{level}-{digits}"]
            below.plot(
                [int(row["tokens"]) / 1e6 for row in mine],
                [100 * float(row["greedy"]) for row in mine],
                style,
                color=COLOURS[level],
                label=f"{level}, {digits} digits",
                linewidth=1,
            )
    below.set(xlabel="million tokens", ylabel="whole trace right (%)", ylim=(-2, 102))
    below.grid(alpha=0.25)
    below.legend(frameon=False, fontsize=8, loc="center left")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run's folder, whose curves are taken over")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    results: Path = options.results
    if options.run:
        for name in ("metrics.csv", "validation.csv"):
            shutil.copyfile(options.run / name, results / name)
    rows = read(results / "accuracy.csv")
    draw_accuracy(rows, results / "accuracy.svg")
    draw_training(
        read(results / "metrics.csv"), read(results / "validation.csv"), results / "training.svg"
    )
    sums = sums_table(rows, "1.0")
    put(CARD, "nano", f"{sums}\n\n{other_table(rows, '1.0')}")
    text = "\n\n".join(
        [
            "Sampled at temperature 1, as the model is used by default:",
            sums,
            other_table(rows, "1.0"),
            "Greedy (temperature 0):",
            sums_table(rows, "0.0"),
            other_table(rows, "0.0"),
            malformed_line(rows),
        ]
    )
    put(README, "results", text)
    for path in (GUIDE, CARD):
        put(path, "boundaries", boundaries.table(boundaries.read(results)))


if __name__ == "__main__":
    main()
