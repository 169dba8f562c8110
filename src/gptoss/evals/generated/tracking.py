"""Variables that take each other's values, sentence by sentence, through long prose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import Rules
from gptoss.evals.generated.haystack import haystack
from gptoss.evals.generated.long_suite import LongSuite, written
from gptoss.evals.generated.names import distinct_numbers
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample

_HOPS = (1, 2, 3, 4)
_LENGTHS = (2000, 4000, 8000, 16_000, 32_000, 64_000)
_OTHERS = 4
_VARIABLE = re.compile(r"\b[A-Z]{2}\d{2}[A-Z]\b")


class Tracking(LongSuite):
    """All variables that hold a value, directly or through others; further chains hold other values."""

    name = "tracking"
    usual = 120
    lengths = _LENGTHS
    rules = Rules(
        prompt="made-up prose in which variables get a value or that of another variable, then the value whose "
        "variables are wanted",
        extraction="all names of variables in the final answer",
        scoring="right if they are just those that hold the value",
        tokens={"low": 120, "medium": 500, "high": 1000},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """Chains of variables; the prose is made later."""
        # Cycles of 4 and 6 meet in 12 of 24 combinations: the other is moved after each round.
        hops = _HOPS[(number + number // 12) % len(_HOPS)]
        length = _LENGTHS[number % len(_LENGTHS)]
        names = _distinct_names(draws, (_OTHERS + 1) * (hops + 1))
        chains = [names[start :: _OTHERS + 1] for start in range(_OTHERS + 1)]
        values = distinct_numbers(draws, len(chains), 5)
        data = {
            "length": length, "text": draws.stream("prose").origin, "value": values[0],
            "variables": chains[0],
            "places": _places(chains, values, draws),
        }  # fmt: skip
        return {"hops": str(hops), "length": written(length)}, data

    def long_part(self, sample: Sample, draws: Draws, num_tokens: int) -> str:
        """Prose with the assignments in it."""
        data: Mapping[str, Any] = sample.data
        return haystack(draws, num_tokens, self.options.count_tokens, data["places"])

    def asked(self, sample: Sample) -> str:
        """The value, and the form of the answer."""
        return (
            f"Which variables of the text above have the value {sample.data['value']}, by themselves or by taking it "
            "from another variable? Answer with one line: the names of these variables alone, with commas between them."
        )

    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """Whether it names those and no other."""
        named = set(_VARIABLE.findall(answer.content))
        if not named:
            return Grade.missing(is_cut_off=answer.is_cut_off)
        data: Mapping[str, Any] = sample.data
        right = set(data["variables"])
        reasons = [
            f"{what} {', '.join(sorted(names))}"
            for what, names in (("lacks", right - named), ("has too many:", named - right))
            if names
        ]
        return Grade.of(named == right, found=", ".join(sorted(named)), reason="; ".join(reasons))

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """Their names."""
        data: Mapping[str, Any] = sample.data
        return [Answer(content=", ".join(data["variables"]))]


def _distinct_names(draws: Draws, count: int) -> list[str]:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    found: dict[str, None] = {}
    while len(found) < count:
        first, second, last = (draws.one_of(letters) for _ in range(3))
        found[f"{first}{second}{draws.digits(2)}{last}"] = None
    return list(found)


def _places(
    chains: Sequence[Sequence[str]], values: Sequence[int], draws: Draws
) -> list[tuple[float, str]]:
    """Depth and sentence of each assignment; within a chain, each stands behind the one that it needs."""
    places = []
    for chain, value in zip(chains, values, strict=True):
        depths = sorted(draws.below(10_001) / 10_000 for _ in chain)
        told = [f"The variable {chain[0]} is set to {value}."]
        told += [
            f"The variable {name} takes the value of {before}." for before, name in pairwise(chain)
        ]
        places += list(zip(depths, told, strict=True))
    return sorted(places, key=lambda place: place[0])
