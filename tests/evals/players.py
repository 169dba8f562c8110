"""Plays suites with answers that are given, without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from gptoss.evals.grade import Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Sample, Suite

DATA = Path(__file__).parents[1] / "golden/evals"
Reply = Callable[[Question], Answer | str]


def play(suite: Suite, sample: Sample, reply: Reply, repeat: int = 0) -> Sequence[Item]:
    """The items of a sample, when each question gets this reply."""

    async def ask(question: Question) -> Answer:
        said = reply(question)
        return Answer(content=said) if isinstance(said, str) else said

    return asyncio.run(suite.play(sample, repeat, ask))  # type: ignore[arg-type]


def asked(suite: Suite, sample: Sample, repeat: int = 0) -> list[Question]:
    """The questions of a sample, when each is answered by nothing."""
    questions: list[Question] = []

    def reply(question: Question) -> str:
        questions.append(question)
        return ""

    play(suite, sample, reply, repeat)
    return questions


def text_of(question: Question) -> str:
    """The last message of a question."""
    return str(question.messages[-1]["content"])
