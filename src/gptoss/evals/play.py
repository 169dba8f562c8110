"""A sample that was played once: what was asked and answered, and the grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gptoss.evals.grade import Item
from gptoss.evals.question import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A settled question as `Question.to_dict` has it, the seed that it was asked with, and the answer."""

    question: Mapping[str, object]
    seed: int
    answer: Answer

    def to_dict(self) -> dict[str, object]:
        """All for JSON; `from_dict` reads it."""
        return {
            "question": dict(self.question),
            "seed": self.seed,
            "answer": self.answer.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Asked:
        """What was kept. Raises KeyError or TypeError for what is none."""
        answer = Answer.from_dict(data["answer"])  # type: ignore[arg-type]
        return cls(question=data["question"], seed=data["seed"], answer=answer)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One sample, one repeat.

    sample  its id
    repeat  from 0
    asked   in the order of the questions
    items   what is scored
    """

    sample: str
    repeat: int
    asked: Sequence[Asked]
    items: Sequence[Item]

    @property
    def key(self) -> str:
        """By which it is kept."""
        return key_of(self.sample, self.repeat)

    def to_dict(self) -> dict[str, object]:
        """A line of the samples file; `from_dict` reads it."""
        return {
            "sample": self.sample,
            "repeat": self.repeat,
            "asked": [each.to_dict() for each in self.asked],
            "items": [each.to_dict() for each in self.items],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Play:
        """A line that was kept. Raises KeyError, TypeError or ValueError for what is none."""
        return cls(
            sample=data["sample"],  # type: ignore[arg-type]
            repeat=data["repeat"],  # type: ignore[arg-type]
            asked=tuple(Asked.from_dict(each) for each in data["asked"]),  # type: ignore[attr-defined]
            items=tuple(Item.from_dict(each) for each in data["items"]),  # type: ignore[attr-defined]
        )


def key_of(sample: str, repeat: int) -> str:
    """The key of one sample's repeat."""
    return f"{sample}#{repeat}"
