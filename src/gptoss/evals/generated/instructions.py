"""Instructions that programs can check, one to four at once, each set of which is known to be possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gptoss.evals.generated.constraints.draft import Draft
from gptoss.evals.generated.constraints.edges import EDGES
from gptoss.evals.generated.constraints.kind import Kind
from gptoss.evals.generated.constraints.layout import LAYOUT
from gptoss.evals.generated.constraints.wording import WORDING
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import OneQuestionSuite, Rules
from gptoss.evals.generated.vocabulary import TOPICS
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Sample

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*LAYOUT, *WORDING, *EDGES)}
_FIRST = [kind for kind in KINDS.values() if not kind.is_loose]
_MOST = 4


class Instructions(OneQuestionSuite):
    """A text about something, under constraints of which no two are of one group.

    A set is taken when a text was made that meets all of it: none contradicts itself.
    """

    name = "instructions"
    usual = 200
    rules = Rules(
        prompt="the user wants a text about something, then one to four constraints",
        extraction="the final answer, without space around it",
        scoring="right if all constraints are met, strictly; the stage says `loose` where they are without the first "
        "line, the last line or asterisks",
        tokens={"low": 200, "medium": 600, "high": 1500},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A topic, constraints, and a text that meets them."""
        count = number % _MOST + 1
        # Moved after each round, so that every kind meets every number of others.
        first = _FIRST[(number + number // len(_FIRST)) % len(_FIRST)]
        while True:
            kinds = _distinct_groups(first, count, draws)
            told = [(kind.name, dict(kind.draw(draws))) for kind in kinds]
            draft = Draft()
            for kind, (_, parameters) in zip(kinds, told, strict=True):
                kind.shape(draft, parameters)
            text = draft.written(draws)
            if not any(_missed(text, told)):
                break
        data = {"topic": draws.one_of(TOPICS), "constraints": told, "possible": text}
        return {"constraints": str(count), "kind": first.name}, data

    def question(self, sample: Sample) -> Question:
        """The topic, then the constraints in their order."""
        data: Mapping[str, Any] = sample.data
        told = "\n".join(f"- {KINDS[name].text(given)}" for name, given in data["constraints"])
        return Question.of(f"Write a text about {data['topic']}. Keep to all of this:\n{told}")

    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """Whether all are met."""
        text = answer.content.strip()
        if not text:
            return Grade.missing(is_cut_off=answer.is_cut_off)
        data: Mapping[str, Any] = sample.data
        missed = list(_missed(text, data["constraints"]))
        details = {name: name not in missed for name, _ in data["constraints"]}
        is_loose = any(not any(_missed(each, data["constraints"])) for each in _loosened(text))
        stage = "strict" if not missed else "loose" if is_loose else ""
        reason = f"not met: {', '.join(missed)}" if missed else ""
        return Grade.of(not missed, found=text, stage=stage, reason=reason, details=details)

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The text that was made."""
        return [Answer(content=str(sample.data["possible"]))]


def _missed(text: str, told: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    return (name for name, parameters in told if not KINDS[name].is_met(text, parameters))


def _distinct_groups(first: Kind, count: int, draws: Draws) -> list[Kind]:
    kinds = [first]
    for kind in draws.shuffled(list(KINDS.values())):
        if len(kinds) == count:
            break
        if kind.group not in {each.group for each in kinds}:
            kinds.append(kind)
    return kinds


def _loosened(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for kept in (lines, lines[1:], lines[:-1], lines[1:-1]):
        shorter = "\n".join(kept).strip()
        yield shorter
        yield shorter.replace("*", "")
