"""A suite of coins and someone who calls them right with a known probability, as a program that may be killed.

python -m tests.evals.coin FOLDER SAMPLES SECONDS
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gptoss.chat.reply import Usage
from gptoss.errors import AnswerError
from gptoss.evals.asker import Sampling
from gptoss.evals.choice import chosen
from gptoss.evals.folder import RunFolder
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.run import Run, RunSettings
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source


class Coins:
    """Two questions for each sample: which coin, and how it fell."""

    name = "coins"
    sources: Sequence[Source] = ()
    skipped: Mapping[str, int] = {}

    def __init__(self, num: int = 20, prompt: str = "heads or tails?") -> None:
        self.num, self.prompt = num, prompt
        self.card = ProtocolCard(
            name="fair", version="1", prompt="a coin", extraction="the answer", scoring="equal"
        )

    def samples(self) -> list[Sample]:
        return [
            Sample(id=f"coin-{number}", category={"side": "ab"[number % 2]})
            for number in range(self.num)
        ]

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> list[Item]:
        first = await ask(Question.of(f"{sample.id}: ready?"))
        said = [{"role": "user", "content": self.prompt}]
        answer = await ask(Question(messages=[first.message(), *said]))
        grade = Grade.of(answer.content == "heads", found=answer.content)
        return [Item(id=sample.id, grade=grade, cluster=sample.id, category=sample.category)]


class Caller:
    """Calls right with a probability, by the seed alone; takes a while."""

    at_once = 4

    def __init__(self, accuracy: float = 0.5, seconds: float = 0.0) -> None:
        self.accuracy, self.seconds = accuracy, seconds
        self.asked: list[tuple[Question, int]] = []
        self.most_open = self.num_open = 0
        self.fails: Callable[[int, Question], bool] = lambda number, question: False

    @property
    def identity(self) -> Mapping[str, object]:
        return {"caller": self.accuracy}

    async def ask(self, question: Question, seed: int) -> Answer:
        self.num_open += 1
        self.most_open = max(self.most_open, self.num_open)
        try:
            await asyncio.sleep(self.seconds)
            self.asked.append((question, seed))
            if self.fails(len(self.asked), question):
                raise AnswerError("out of order")
        finally:
            self.num_open -= 1
        is_right = random.Random(seed).random() < self.accuracy
        return Answer(
            content="heads" if is_right else "tails", reasoning="hm", usage=Usage(7, 3, 1)
        )

    async def close(self) -> None:
        pass


class Silent:
    """Hears, and keeps."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.items: list[Item] = []
        self.reasons: list[str] = []

    def answered(self, answer: Answer) -> None:
        self.answers.append(answer)

    def played(self, items: Sequence[Item]) -> None:
        self.items += items

    def failed(self, sample: str, reason: str) -> None:
        self.reasons.append(f"{sample}: {reason}")


def run(
    path: Path,
    caller: Caller,
    *,
    suite: Coins | None = None,
    repeats: int = 1,
    seed: int = 0,
    limit: int | None = None,
    watcher: Silent | None = None,
    keeps: bool = False,
    regrades: bool = False,
) -> Run:
    """Play into a folder, to the end; `keeps`: the folder is still open then."""
    suite = suite or Coins()
    samples = chosen(suite.samples(), limit, seed)
    settings = RunSettings.of(suite, samples, caller, Sampling(seed=seed), repeats)
    folder = RunFolder(path, settings.to_dict(), regrades=regrades)
    try:
        made = Run(suite, samples, caller, settings, folder, watcher or Silent())
        asyncio.run(made.play())
    finally:
        if not keeps:
            folder.close()
    return made


if __name__ == "__main__":
    run(Path(sys.argv[1]), Caller(0.6, float(sys.argv[3])), suite=Coins(int(sys.argv[2])))
