"""Asks the embedded model what suites without data it can do: python -m benchmarks.nano_suites.

arithmetic at each effort, and effort -> results/nano_suites.csv, from which `python -m benchmarks.report` makes the
table in docs/nano.md.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import gptoss
from benchmarks.figures import read
from benchmarks.record import append
from gptoss.evals.evaluation import Evaluation
from gptoss.evals.folder import RunFolder
from gptoss.evals.generated.arithmetic import CELLS, Arithmetic
from gptoss.evals.generated.arithmetic_tasks import Cell
from gptoss.evals.generated.effort import EFFORTS, ORDER, Effort
from gptoss.evals.generated.generated_suite import GeneratedSuite
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.grade import Item
from gptoss.evals.model_asker import ModelAsker
from gptoss.evals.run import Unwatched
from gptoss.evals.statistics.intervals import mean_score
from gptoss.evals.suite import Sample
from gptoss.runtime import LoadedModel

CSV = "nano_suites.csv"
# Of each kind and difficulty.
SAMPLES = 20
# What the model was made for; all other kinds are one row.
KINDS = tuple(
    Cell(kind, digits).category["difficulty"]
    for kind in ("sum", "difference")
    for digits in range(1, 7)
)
OTHERS = "other kinds"
_ORDER = "more tokens with more effort"
# What is checked at high takes more than 200 at times; what it cannot do, it goes on about for ever.
_MOST_TOKENS = 600


class NanoArithmetic(Arithmetic):
    """Fewer of what the model was not made for: it goes on about that until it is ended."""

    def samples(self) -> Sequence[Sample]:
        """All sums and differences, and two of every other difficulty."""
        others = [each for each in super().samples() if each.category["difficulty"] not in KINDS]
        left_out = {each.id for each in others[2 * (len(CELLS) - len(KINDS)) :]}
        return [each for each in super().samples() if each.id not in left_out]


def items_of(model: LoadedModel, suite: GeneratedSuite, effort: str) -> list[Item]:
    """All items of a run."""
    evaluation = Evaluation(
        suite=suite, asker=ModelAsker(model), effort=effort, max_tokens=_MOST_TOKENS
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        RunFolder(Path(folder, "run"), evaluation.settings.to_dict()) as kept,
    ):
        run = evaluation.open(kept, Unwatched())
        asyncio.run(run.play())
        if run.failures:
            raise SystemExit(f"nano_suites: {run.failures}")
        return [item for play in run.plays() for item in play.items]


def counted(items: Iterable[Item], effort: str) -> Iterator[tuple[str, bool]]:
    """The row and column of each item, and whether it is right."""
    for item in items:
        difficulty = item.category["difficulty"]
        row = difficulty if difficulty in KINDS else OTHERS
        if item.category.get("effort") == ORDER:
            row = _ORDER
        yield f"{row}/{effort}", item.grade.score == 1.0


def table() -> list[str]:
    """The newest figures as Markdown."""
    rows = read(CSV)
    newest = [row for row in rows if row["commit"] == rows[-1]["commit"]]
    counts = {row["metric"]: int(row["value"]) for row in newest}
    lines = ["| right, with 95 % interval | low | medium | high |", "|---|---|---|---|"]
    for name in (*KINDS, OTHERS):
        cells = (_told(counts, f"{name}/{effort}") for effort in EFFORTS)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    order = _told(counts, f"{_ORDER}/all")
    return [
        *lines,
        "",
        "In the suite `effort`, low took no more tokens than medium, medium no more than high, and low fewer than "
        f"high for {order} of the sums.",
    ]


def _told(counts: Mapping[str, int], name: str) -> str:
    right, asked = counts[f"{name}/right"], counts[f"{name}/asked"]
    scores = [1.0] * right + [0.0] * (asked - right)
    return str(mean_score(scores, range(asked)))


def main() -> None:
    """Ask, print and append."""
    metrics: dict[str, int] = {}
    with gptoss.load("nano") as model:
        graded: list[tuple[str, bool]] = []
        for effort in EFFORTS:
            suite = NanoArithmetic(GeneratedOptions(size=SAMPLES * len(CELLS)))
            graded += counted(items_of(model, suite, effort), effort)
        orders = [
            item
            for item in items_of(model, Effort(GeneratedOptions(size=40)), "medium")
            if item.category.get("effort") == ORDER
        ]
        graded += counted(orders, "all")
        for name, is_right in graded:
            metrics[f"{name}/right"] = metrics.get(f"{name}/right", 0) + is_right
            metrics[f"{name}/asked"] = metrics.get(f"{name}/asked", 0) + 1
        common = {
            "isa": model.backend.isa,
            "threads": model.backend.threads,
            "model": "nano",
            "precision": f"{model.precision}, {model.weights} matrices",
        }
        append(CSV, common, metrics)
    print("\n".join(table()))
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
