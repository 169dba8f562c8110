"""A suite whose samples are made: what all of them have in common."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from gptoss.errors import EvalError
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source

_MOST_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a suite says of itself in its card."""

    prompt: str
    extraction: str
    scoring: str
    tokens: Mapping[str, int]
    differs: Sequence[str] = ()
    chance: float | None = None
    temperature: float = 1.0


class GeneratedSuite(ABC):
    """Samples by their number: each is decided by suite, version, seed and number alone, whatever the size.

    version  grows whenever a sample or a grade could change
    usual    samples where nobody says how many
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    usual: ClassVar[int]
    rules: ClassVar[Rules]

    def __init__(self, options: GeneratedOptions | None = None) -> None:
        self.options = options or GeneratedOptions()

    @property
    def card(self) -> ProtocolCard:
        """Its rules, with the seed and the number of samples."""
        rules = self.rules
        made = f"made from seed {self.options.seed}, {self._size:,} samples"
        return ProtocolCard(
            name="gptoss-1",
            version=str(self.version),
            prompt=f"{rules.prompt}; {made}",
            extraction=rules.extraction,
            scoring=rules.scoring,
            differs=tuple(rules.differs),
            chance=rules.chance,
            temperature=rules.temperature,
            tokens=rules.tokens,
        )

    @property
    def sources(self) -> Sequence[Source]:
        """None: nothing is read."""
        return ()

    @property
    def skipped(self) -> Mapping[str, int]:
        """None, where every sample can be asked."""
        return {}

    def samples(self) -> Sequence[Sample]:
        """All of them. Raises EvalError for more than there are."""
        return self._samples

    @abstractmethod
    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """Category and data of a sample; called again with other draws where the same sample was there before."""

    @abstractmethod
    def reference(self, sample: Sample) -> Sequence[Answer]:
        """Right answers to all that the sample asks, in its order."""

    @abstractmethod
    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """As every suite has it."""

    @property
    def _size(self) -> int:
        return self.options.size or self.usual

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        seen: set[bytes] = set()
        return tuple(self._sample(number, seen) for number in range(self._size))

    def _sample(self, number: int, seen: set[bytes]) -> Sample:
        for attempt in range(_MOST_ATTEMPTS):
            origin = (self.name, self.version, self.options.seed, number, attempt)
            category, data = self.draw(number, Draws(*origin))
            digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest()
            if digest not in seen:
                seen.add(digest)
                id = f"v{self.version}-s{self.options.seed}-{number}"
                return Sample(id=id, category=category, data=data)
        raise EvalError(
            f"got {self._size:,} samples asked for, of which {self.name} has only {number:,} different ones; "
            "ask for fewer"
        )


class OneQuestionSuite(GeneratedSuite):
    """Each sample is one question and one item."""

    @abstractmethod
    def question(self, sample: Sample) -> Question:
        """What is asked."""

    @abstractmethod
    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """The judgement of its answer."""

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask it and grade it."""
        grade = self.grade(sample, await ask(self.question(sample)))
        return [item(sample, grade)]


def item(sample: Sample, grade: Grade, part: str = "", **more: str) -> Item:
    """An item of a sample: the whole of it, or a part that is named."""
    id = f"{sample.id}/{part}" if part else sample.id
    return Item(id=id, grade=grade, cluster=sample.id, category={**sample.category, **more})
