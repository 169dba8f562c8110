"""Efforts against each other: the same sums at low, medium and high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptoss.chat.reply import Usage
from gptoss.evals.generated.arithmetic_tasks import Cell, draw_task
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import GeneratedSuite, Rules, item
from gptoss.evals.generated.numbers import grade_number
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, Sample

EFFORTS = ("low", "medium", "high")
ORDER = "order of tokens"
_CELLS = (
    *(Cell("sum", digits) for digits in (4, 5)),
    *(Cell("difference", digits) for digits in (4, 5)),
    *(Cell("product", digits) for digits in (3, 4, 5)),
    *(Cell("chain", steps) for steps in (6, 8, 10)),
)


class Effort(GeneratedSuite):
    """Each sum is one cluster of four items: its answer at each effort, and whether more effort took more tokens.

    Accuracies by effort stand in the report's categories; they are paired, since the sums are the same.
    """

    name = "effort"
    usual = 10 * len(_CELLS)
    rules = Rules(
        prompt="the user asks for one number, at each effort in turn",
        extraction="as in arithmetic; of the order, the tokens that were written",
        scoring="right if it is that number exactly; the order is right if medium took no fewer tokens than low, high "
        "no fewer than medium, and high more than low",
        tokens={"low": 250, "medium": 250, "high": 250},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A task of the cell whose turn it is."""
        cell = _CELLS[number % len(_CELLS)]
        text, answer = draw_task(cell, draws)
        return cell.category, {"text": text, "answer": answer}

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask at low, medium and high."""
        data: Mapping[str, Any] = sample.data
        items, tokens = [], []
        for effort in EFFORTS:
            answer = await ask(replace(Question.of(data["text"]), effort=effort))
            grade = grade_number(answer, data["answer"])
            items.append(item(sample, grade, effort, effort=effort))
            tokens.append(answer.usage.completion_tokens)
        return [*items, item(sample, _order(tokens), "order", effort=ORDER)]

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The number, with more thought each time."""
        return [
            Answer(content=str(sample.data["answer"]), usage=Usage(0, tokens, tokens))
            for tokens in (1, 2, 3)
        ]


def _order(tokens: Sequence[int]) -> Grade:
    found = ", ".join(map(str, tokens))
    if not any(tokens):
        return Grade.unknown("nobody counted the tokens", found=found)
    low, medium, high = tokens
    return Grade.of(low <= medium <= high and low < high, found=found)
