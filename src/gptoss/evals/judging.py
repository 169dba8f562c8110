"""A judge that says again what it said before, so that a run that goes on grades as it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gptoss.batch.journal import Journal
from gptoss.errors import EvalError
from gptoss.evals.asker import Asker, Sampling
from gptoss.evals.question import Answer, Question
from gptoss.evals.run import seed_of

JUDGED = "judged.jsonl"


class KeptJudge:
    """Asks whoever judges, each question once: the same question has the same answer, in every sample and repeat.

    name  of the judge, as the report says it; what another one said is no answer of this one
    """

    def __init__(
        self, asker: Asker, name: str, sampling: Sampling, folder: Callable[[], Path]
    ) -> None:
        """`folder`: asked for at the first question, when the run's folder is there."""
        self.name = name
        self._asker = asker
        self._sampling = sampling
        self._folder = folder
        self._journal: Journal | None = None
        self._places = asyncio.Semaphore(asker.at_once)

    async def __call__(self, question: Question) -> Answer:
        """Return the judge's answer. Raises AnswerError where it gives none."""
        journal = self._opened()
        settled = self._sampling.settled(question)
        key = f"{settled.digest()} {self.name}"
        async with self._places:
            if key in journal:
                try:
                    return Answer.from_dict(journal.get(key))
                except ValueError as error:
                    raise EvalError(
                        f"{journal.path} holds an answer in another form ({error}); begin anew in another folder"
                    ) from None
            answer = await self._asker.ask(settled, seed_of(self._sampling.seed, settled.digest()))
            journal.put(key, answer.to_dict())
        return answer

    def close(self) -> None:
        """Let go of the file; harmless when it was never opened."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _opened(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self._folder() / JUDGED)
        return self._journal
