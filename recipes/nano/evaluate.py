"""Measures a checkpoint on held-out sums and on facts: python -m recipes.nano.evaluate."""

from __future__ import annotations

import argparse
import csv
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gptoss.harmony import DeveloperContent, Effort, Message, Role, SystemContent, render
from gptoss.nano import checkpoint_path
from recipes.nano.arithmetic import LEVELS, Sum, draw_sum, sum_example
from recipes.nano.example import Example
from recipes.nano.facts import FACTS
from recipes.nano.generation import Answer, Answerer
from recipes.nano.mixture import draw_date
from recipes.nano.talk import other_example

RESULTS = Path(__file__).parent / "results"
SUMS_PER_CELL = 300
OTHERS = 300
TEMPERATURES = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the report: what was asked, how often, how often right."""

    task: str
    level: str
    temperature: float
    asked: int
    right: int
    mean_tokens: float
    malformed: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        return wilson(self.right, self.asked)


def wilson(right: int, asked: int, z: float = 1.959964) -> tuple[float, float]:
    """Bounds of a share that do not leave 0 to 1, and hold for few or no failures."""
    share, spread = right / asked, z * z / asked
    centre = (share + spread / 2) / (1 + spread)
    margin = z / (1 + spread) * math.sqrt(share * (1 - share) / asked + spread / (4 * asked))
    return max(0.0, centre - margin), min(1.0, centre + margin)


def conversation(example: Example) -> list[Message]:
    """An example's prompt as `gptoss chat` would have it."""
    system = SystemContent(current_date=example.date, effort=Effort(example.level))
    messages = [Message(Role.SYSTEM, system)]
    if example.instructions is not None:
        messages.append(Message(Role.DEVELOPER, DeveloperContent(example.instructions)))
    for user, final in example.earlier:
        messages += [Message(Role.USER, user), Message(Role.ASSISTANT, final, "final")]
    return [*messages, Message(Role.USER, example.user)]


def distinct_sums(rng: random.Random, digits: int, sign: str, most: int) -> list[Sum]:
    """Held-out sums, none twice: as many as asked for, or all that there are of one digit."""
    if digits == 1:
        return [Sum(a, b, sign) for a in range(10) for b in range(10)]
    found: set[Sum] = set()
    while len(found) < most:
        found.add(draw_sum(rng, digits, sign, held_out=True))
    return sorted(found, key=lambda problem: (problem.a, problem.b))


def tasks() -> Iterable[tuple[str, str, list[Example]]]:
    """Name, level and examples of every cell; the same each time."""
    rng = random.Random("evaluation")
    for level in LEVELS:
        for digits in range(1, 6):
            for sign in "+-":
                sums = [
                    sum_example(rng, problem, level)
                    for problem in distinct_sums(rng, digits, sign, SUMS_PER_CELL // 2)
                ]
                yield f"{digits}-digit {sign}", level, sums
        for name in ("trained", "unseen"):
            facts = [
                Example(phrase, fact.answer, level=level)
                for fact in FACTS
                for phrase in (fact.trained if name == "trained" else fact.unseen)
            ]
            yield f"facts, {name} phrasings", level, facts
        yield "outside its domain", level, [other_example(rng, level) for _ in range(OTHERS)]


def evaluate(directory: Path, results: Path, *, grammar: bool = False) -> list[Cell]:
    """Ask everything, print as it goes, and write accuracy.csv."""
    answerer = Answerer(directory, grammar=grammar)
    rng = random.Random("dates")
    cells = []
    for task, level, examples in tasks():
        dated = [replace(example, date=draw_date(rng)) for example in examples]
        prompts = [render(conversation(example), answerer.model.tokenizer) for example in dated]
        for temperature in TEMPERATURES:
            answers = answerer.answers(prompts, temperature)
            cell = _count(task, level, temperature, dated, answers)
            low, high = cell.interval
            print(
                f"{task:28} {level:7} T={temperature:.0f}  {cell.right:4}/{cell.asked:<4} "
                f"{cell.right / cell.asked:6.1%}  [{low:.1%}, {high:.1%}]  {cell.mean_tokens:.0f} tokens",
                flush=True,
            )
            cells.append(cell)
    _write(results / "accuracy.csv", cells)
    return cells


def _count(
    task: str, level: str, temperature: float, examples: list[Example], answers: list[Answer]
) -> Cell:
    right = sum(
        answer.content == example.final for example, answer in zip(examples, answers, strict=True)
    )
    mean_tokens = sum(answer.num_tokens for answer in answers) / len(answers)
    malformed = sum(not answer.is_clean for answer in answers)
    return Cell(task, level, temperature, len(answers), right, mean_tokens, malformed)


def _write(path: Path, cells: list[Cell]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            (
                "task",
                "level",
                "temperature",
                "asked",
                "right",
                "low",
                "high",
                "mean_tokens",
                "malformed",
            )
        )
        for cell in cells:
            low, high = cell.interval
            writer.writerow(
                (
                    cell.task,
                    cell.level,
                    cell.temperature,
                    cell.asked,
                    cell.right,
                    f"{low:.4f}",
                    f"{high:.4f}",
                    f"{cell.mean_tokens:.1f}",
                    cell.malformed,
                )
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=checkpoint_path())
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--grammar",
        action="store_true",
        help="hold answers to the chat format, as gptoss chat does",
    )
    options = parser.parse_args()
    evaluate(options.model, options.results, grammar=options.grammar)


if __name__ == "__main__":
    main()
