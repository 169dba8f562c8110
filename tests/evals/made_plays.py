"""Plays of a model that answers right with a known probability, for reports."""

from __future__ import annotations

import random

from gptoss.chat.reply import Usage
from gptoss.evals.asker import Sampling
from gptoss.evals.grade import Grade, Item
from gptoss.evals.play import Exchange, Play
from gptoss.evals.question import Answer
from gptoss.evals.report import RunFacts
from gptoss.evals.suite import ProtocolCard, Source

SUBJECTS = ("biology", "chemistry", "law", "philosophy", "physics")

CARD = ProtocolCard(
    name="aa-v3",
    version="2",
    prompt="one user message that asks for a last line `Answer: X`",
    extraction="ordered rules on the final text, the last match",
    scoring="the letter",
    repeats=2,
    differs=[
        "options are shuffled by our own seed",
        "some 3 % of the answers are held to be wrong",
    ],
    published={"Artificial Analysis, gpt-oss-20b high": 0.688},
    chance=0.25,
)

FACTS = RunFacts(
    suite="gpqa-diamond",
    card=CARD,
    sampling=Sampling(effort="high", seed=7),
    repeats=2,
    asked=60,
    samples=60,
    identity={"model": "gpt-oss-20b", "weights": "4f1c", "precision": "fp32"},
    command="gptoss eval gpqa --data gpqa_diamond.csv --reasoning high --seed 7",
    sources=[Source(name="gpqa_diamond.csv", sha256="41d1213c", rows=61, known=True)],
    skipped={"no answer given": 1},
)


def plays(
    samples: int = 60,
    repeats: int = 2,
    *,
    accuracy: float = 0.7,
    effort: str = "high",
    seed: int = 2,
    slowness: float = 1.0,
) -> list[Play]:
    """Some are cut off, some say nothing, one is not graded."""
    chance = random.Random(seed)
    return [
        _play(f"q{number:05}", repeat, chance, accuracy, effort, slowness)
        for number in range(samples)
        for repeat in range(repeats)
    ]


def _play(
    sample: str, repeat: int, chance: random.Random, accuracy: float, effort: str, slowness: float
) -> Play:
    tokens = int(chance.lognormvariate({"low": 4, "medium": 6}.get(effort, 8), 0.8)) + 5
    drawn = chance.random()
    stage = chance.choice(["last line", "last line", "bold letter"])
    finish = "stop"
    if sample == "q00007" and repeat == 0:
        grade = Grade.unknown("the judge answered nonsense")
    elif drawn < accuracy:
        grade = Grade.of(True, found="A", stage=stage)
    elif drawn < accuracy + 0.05:
        grade = Grade.missing(is_cut_off=True)
        finish, tokens = "length", 32768
    elif drawn < accuracy + 0.08:
        grade = Grade.missing(is_cut_off=False)
    else:
        grade = Grade.of(False, found="B", stage=stage, reason="wanted A")
    answer = Answer(
        content="Answer: A",
        reasoning="so",
        finish_reason=finish,
        usage=Usage(150 + len(sample), tokens + 12, tokens),
        seconds=round(slowness * tokens / 30, 3),
        repairs=int(drawn > 0.97),
    )
    category = {"subject": SUBJECTS[int(sample[1:]) % len(SUBJECTS)]}
    return Play(
        sample=sample,
        repeat=repeat,
        items=(Item(id=sample, grade=grade, cluster=sample, category=category),),
        exchanges=(Exchange(digest="d", effort=effort, seed=repeat, answer=answer),),
    )
