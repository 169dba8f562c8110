"""Arithmetic by kinds, digits and steps: sums that everybody can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.generated.arithmetic_tasks import Cell, draw_task
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import OneQuestionSuite, Rules
from gptoss.evals.generated.numbers import grade_number
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Sample

CELLS = (
    *(Cell("sum", digits) for digits in range(1, 7)),
    *(Cell("difference", digits) for digits in range(1, 7)),
    *(Cell("product", digits) for digits in range(1, 6)),
    *(Cell("chain", steps) for steps in (2, 3, 4, 6, 8)),
    *(Cell("remainder", digits) for digits in range(2, 5)),
    *(Cell("units", digits) for digits in range(1, 4)),
    *(Cell("range", digits) for digits in range(3, 7)),
)


class Arithmetic(OneQuestionSuite):
    """One number is asked for, and the last one of the answer is compared."""

    name = "arithmetic"
    usual = 10 * len(CELLS)
    rules = Rules(
        prompt="the user asks for one number, without a word about its form",
        extraction="of the final answer, the number in \\boxed{}, else the bold one, else the last one",
        scoring="right if it is that number exactly",
        tokens={"low": 40, "medium": 250, "high": 600},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A task of the cell whose turn it is."""
        turn, place = divmod(number, len(CELLS))
        cell = CELLS[place].with_room(turn)
        text, answer = draw_task(cell, draws)
        return cell.category, {"text": text, "answer": answer}

    def question(self, sample: Sample) -> Question:
        """The text alone."""
        return Question.of(str(sample.data["text"]))

    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """Whether it gives the number."""
        return grade_number(answer, _right(sample))

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The number."""
        return [Answer(content=str(_right(sample)))]


def _right(sample: Sample) -> int:
    data: Mapping[str, Any] = sample.data
    return int(data["answer"])
