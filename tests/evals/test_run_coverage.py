"""The interval of a run covers the truth as often as it says, through the whole runner."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.statistics import mean_score
from gptoss.evals.suite import Ask, Sample
from tests.evals.coin import Caller, Coins, run


class Once(Coins):
    """One question a sample."""

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> list[Item]:
        answer = await ask(Question.of(sample.id))
        return [Item(id=sample.id, cluster=sample.id, grade=Grade.of(answer.content == "heads"))]


class Moody(Caller):
    """Right with the same probability over all coins, but each coin has one of its own, which its repeats share."""

    def __init__(self, accuracy: float, seed: int) -> None:
        super().__init__(accuracy)
        self.seed = seed

    @property
    def identity(self) -> Mapping[str, object]:
        return {"caller": self.accuracy, "seed": self.seed}

    async def ask(self, question: Question, seed: int) -> Answer:
        coin = random.Random(f"{self.seed} {question.messages[0]['content']}")
        # 0.3 to both sides of it, so that the mean is kept.
        own = self.accuracy + 0.3 * (1 if coin.random() < 0.5 else -1)
        is_right = random.Random(seed).random() < own
        return Answer(content="heads" if is_right else "tails")


def share_covered(tmp_path: Path, callers: Sequence[Caller], *, num: int, repeats: int) -> float:
    """Of runs with seeds 0, 1, 2 and so on, nothing of which was chosen by what it gives."""
    covered = 0
    for seed, caller in enumerate(callers):
        made = run(
            tmp_path / str(seed), caller, suite=Once(num), repeats=repeats, seed=seed, keeps=True
        )
        items = [item for play in made.plays() for item in play.items]
        estimate = mean_score([item.grade.score for item in items], [i.cluster for i in items])
        covered += estimate.includes(caller.accuracy)
        made.folder.close()
    return covered / len(callers)


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of a short run."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda descriptor: None)


@pytest.mark.thorough
def test_intervals_cover_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    """Of 400 runs each, 93 to 97 in a hundred.

    In the second, each question has five repeats: intervals as of 100 answers would cover far less.
    """
    alone = [Caller(0.75) for _ in range(400)]
    assert 0.93 <= share_covered(tmp_path / "a", alone, num=40, repeats=1) <= 0.97
    moody = [Moody(0.6, seed) for seed in range(400)]
    assert 0.93 <= share_covered(tmp_path / "b", moody, num=20, repeats=5) <= 0.97


def test_in_short(tmp_path: Path) -> None:
    """Sixty runs, of which chance alone may leave out up to eight in one of a thousand such tests."""
    share = share_covered(tmp_path, [Caller(0.7) for _ in range(60)], num=50, repeats=1)
    assert share >= 1 - 8 / 60
