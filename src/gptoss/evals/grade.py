"""The judgement of an answer, in which what is wrong is told apart from what could not be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from gptoss.evals.kept import NUMBER, Kinds, fields_of, texts_of

_GRADE: dict[str, Kinds] = {
    "outcome": str,
    "score": NUMBER,
    "found": (str, type(None)),
    "stage": str,
    "reason": str,
    "details": dict,
}
_ITEM: dict[str, Kinds] = {"id": str, "grade": dict, "cluster": str, "category": dict}
# Stages of what a judge grades: one that makes sense, and one that does not, or is not there.
JUDGED, JUDGE_FAILED = "judge", "judge failed"


class Outcome(StrEnum):
    """How an item ended. All but UNGRADED count in the score; UNGRADED is counted beside it."""

    RIGHT = "right"
    PARTIAL = "partial"
    WRONG = "wrong"
    NO_ANSWER = "no answer"
    """The answer says nothing that the grader looks for."""
    CUT_OFF = "cut off"
    """The limit of tokens ended it before it said what the grader looks for."""
    UNGRADED = "ungraded"
    """A judge, a sandbox or a file failed: nothing is known of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The score of one item, from 0 to 1, and how it came about.

    found    what was read out of the answer; None: nothing
    stage    by which way it was found, such as a rule's name; empty: there is one way alone
    reason   in a line, why it is not right; empty: it is, or `found` says it
    details  more for whoever reads the samples, as JSON
    """

    outcome: Outcome
    score: float
    found: str | None = None
    stage: str = ""
    reason: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, is_right: bool, **more: object) -> Grade:
        """Right or wrong."""
        outcome = Outcome.RIGHT if is_right else Outcome.WRONG
        return cls(outcome=outcome, score=float(is_right), **more)  # type: ignore[arg-type]

    @classmethod
    def share(cls, score: float, **more: object) -> Grade:
        """A part of an item that is right."""
        outcome = {0.0: Outcome.WRONG, 1.0: Outcome.RIGHT}.get(score, Outcome.PARTIAL)
        return cls(outcome=outcome, score=score, **more)  # type: ignore[arg-type]

    @classmethod
    def missing(cls, *, is_cut_off: bool, **more: object) -> Grade:
        """An answer without what was looked for."""
        outcome = Outcome.CUT_OFF if is_cut_off else Outcome.NO_ANSWER
        return cls(outcome=outcome, score=0.0, **more)  # type: ignore[arg-type]

    @classmethod
    def unknown(cls, reason: str, **more: object) -> Grade:
        """Nothing is known, through no fault of the answer."""
        return cls(outcome=Outcome.UNGRADED, score=0.0, reason=reason, **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is scored: one for most samples, several for one whose steps count by themselves.

    id        within its suite, the same in every run of the same data
    cluster   items that stand or fall together, such as the steps of one problem; they are no independent evidence
    category  by which a report groups, such as {"subject": "law"}
    """

    id: str
    grade: Grade
    cluster: str
    category: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The item for JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Item:
        """An item that was kept. Raises ValueError for what is none."""
        given = fields_of(data, _ITEM)
        given["category"] = texts_of(given["category"], "category")
        kept = fields_of(given["grade"], _GRADE)
        if not 0 <= kept["score"] <= 1:
            raise ValueError(f"its score is {kept['score']}, wanted one from 0 to 1")
        kept["outcome"] = Outcome(kept["outcome"])
        given["grade"] = Grade(**kept)
        return cls(**given)
