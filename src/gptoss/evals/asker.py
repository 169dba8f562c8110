"""Whoever answers questions: a model in this process, or a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gptoss.evals.question import Answer, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a run asks, where its questions do not say otherwise.

    seed  of the run; each question has one of its own made of it and its key
    """

    effort: str = "medium"
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    seed: int = 0

    def settled(self, question: Question) -> Question:
        """The question with all that it left open."""
        return Question(
            messages=question.messages,
            tools=question.tools,
            tool_choice=question.tool_choice,
            parallel_calls=question.parallel_calls,
            response_format=question.response_format,
            effort=question.effort or self.effort,
            temperature=_first(question.temperature, self.temperature),
            top_p=_first(question.top_p, self.top_p),
            max_tokens=question.max_tokens or self.max_tokens,
        )


class Asker(Protocol):
    """Answers settled questions."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What answers, as a report says it: equal for two askers whose answers may stand in one run."""

    @property
    def at_once(self) -> int:
        """Questions to have open at the same time."""

    async def ask(self, question: Question, seed: int) -> Answer:
        """Answer a question.

        Raises RequestError for one that cannot be answered as asked, AnswerError where whoever answers is at fault.
        """

    async def close(self) -> None:
        """Let go of it."""


def _first(own: float | None, of_run: float) -> float:
    return of_run if own is None else own
