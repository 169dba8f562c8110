"""What a report needs of each play, without its texts: a run's may be gigabytes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

from gptoss.chat.reply import Usage
from gptoss.evals.grade import Grade, Outcome
from gptoss.evals.play import Play

MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item of a play.

    category    as pairs
    confidence  from 0 to 1, as its answer states it
    ungraded    why it is not graded, as far as that is the same for others; empty where it is
    """

    id: str
    cluster: str
    outcome: Outcome
    score: float
    stage: str
    category: tuple[tuple[str, str], ...]
    confidence: float | None = None
    ungraded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRecord:
    """A play in numbers.

    asked     a hash of what its first question says: later ones depend on answers
    effort    of its questions; `mixed` where they differ
    outcome   of its items, where they are alike; else partly right, or ungraded where one is
    is_cut    whether the limit of tokens ended an answer
    finishes  of its answers, counted
    repaired  answers that left the chat format, and those of which it is known
    """

    sample: str
    repeat: int
    items: tuple[ItemRecord, ...]
    asked: str
    effort: str
    outcome: Outcome
    is_cut: bool
    usage: Usage
    seconds: float
    answers: int
    finishes: tuple[tuple[str, int], ...]
    repaired: tuple[int, int]

    @property
    def cluster(self) -> str:
        """That of its first item."""
        return self.items[0].cluster if self.items else self.sample

    @property
    def answer_tokens(self) -> int:
        """Tokens that were written beside the chain of thought."""
        return self.usage.completion_tokens - self.usage.reasoning_tokens


def records(plays: Iterable[Play]) -> list[PlayRecord]:
    """All plays in numbers, ordered by sample and repeat: whatever order they came in, a report is the same."""
    return sorted(map(_record, plays), key=lambda each: (each.sample, each.repeat))


def _record(play: Play) -> PlayRecord:
    answers = [each.answer for each in play.exchanges]
    efforts = {each.effort for each in play.exchanges}
    known = [each.repairs for each in answers if each.repairs is not None]
    return PlayRecord(
        sample=play.sample,
        repeat=play.repeat,
        items=tuple(
            ItemRecord(
                item.id,
                item.cluster,
                item.grade.outcome,
                item.grade.score,
                item.grade.stage,
                tuple(item.category.items()),
                _confidence(item.grade.details.get("confidence")),
                _why_ungraded(item.grade),
            )
            for item in play.items
        ),
        asked=_hash_of_messages(play),
        effort=efforts.pop() if len(efforts) == 1 else MIXED,
        outcome=_outcome([item.grade.outcome for item in play.items]),
        is_cut=any(each.is_cut_off for each in answers),
        usage=reduce(add, (each.usage for each in answers)) if answers else Usage(0, 0, 0),
        seconds=sum(each.seconds for each in answers),
        answers=len(answers),
        finishes=tuple(sorted(Counter(each.finish_reason for each in answers).items())),
        repaired=(sum(map(bool, known)), len(known)),
    )


def _why_ungraded(grade: Grade) -> str:
    if grade.outcome is not Outcome.UNGRADED:
        return ""
    # Behind a colon stands what was said in this one case.
    return grade.reason.partition(":")[0].strip() or "nobody said why"


def _confidence(stated: object) -> float | None:
    return float(stated) if isinstance(stated, (int, float)) and 0 <= stated <= 1 else None


def _outcome(outcomes: list[Outcome]) -> Outcome:
    distinct = set(outcomes)
    if len(distinct) == 1:
        return outcomes[0]
    return Outcome.UNGRADED if not distinct or Outcome.UNGRADED in distinct else Outcome.PARTIAL


def _hash_of_messages(play: Play) -> str:
    """Of its first question without how it was sampled; empty where it asked nothing."""
    if not play.exchanges:
        return ""
    said = json.dumps(play.exchanges[0].question.get("messages"), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
