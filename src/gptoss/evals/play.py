"""A sample that was asked once: the items that are scored, and the exchanges that they came of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gptoss.evals.grade import Item
from gptoss.evals.kept import Kinds, fields_of
from gptoss.evals.question import Answer

_EXCHANGE: dict[str, Kinds] = {
    "digest": str,
    "effort": str,
    "seed": int,
    "answer": dict,
    "question": dict,
}
_PLAY: dict[str, Kinds] = {"sample": str, "repeat": int, "items": list, "exchanges": list}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question and what came back.

    digest  of the settled question: the answer is to this one and to no other
    effort  that it was asked with
    seed    that it was sampled with
    question
            settled, as `Question.to_dict` has it
    """

    digest: str
    effort: str
    seed: int
    answer: Answer
    question: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The exchange for JSON; `from_dict` reads it."""
        return {
            "digest": self.digest,
            "effort": self.effort,
            "seed": self.seed,
            "answer": self.answer.to_dict(),
            "question": dict(self.question),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Exchange:
        """An exchange that was kept. Raises ValueError for what is none."""
        given = fields_of(data, _EXCHANGE)
        given["answer"] = Answer.from_dict(given["answer"])
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One sample in one repeat.

    sample     its id
    repeat     from 0
    items      what is scored, one for most samples
    exchanges  in the order in which they were asked
    """

    sample: str
    repeat: int
    items: Sequence[Item]
    exchanges: Sequence[Exchange]

    def to_dict(self) -> dict[str, object]:
        """The play for JSON; `from_dict` reads it."""
        return {
            "sample": self.sample,
            "repeat": self.repeat,
            "items": [each.to_dict() for each in self.items],
            "exchanges": [each.to_dict() for each in self.exchanges],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Play:
        """A play that was kept. Raises ValueError for what is none."""
        given = fields_of(data, _PLAY)
        given["items"] = tuple(map(Item.from_dict, given["items"]))
        given["exchanges"] = tuple(map(Exchange.from_dict, given["exchanges"]))
        return cls(**given)


def key_of(sample: str, repeat: int) -> str:
    """Return the key of one sample's repeat."""
    return f"{sample}#{repeat}"
