"""Words of a long list that stand there most often: something of the whole text must be put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import Rules
from gptoss.evals.generated.long_suite import LongSuite, written
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample

_FORMS = ("common", "frequent")
_LENGTHS = (2000, 4000, 8000, 16_000, 32_000, 64_000)
_COMMON, _TIMES, _RARE_TIMES = 5, 30, 3
_FREQUENT = 3
# Of the frequent form: so many words, whose shares fall with this power of their rank.
_RANKS, _FALL = 120, 1.5
# Tokens that the first word may take more than others, for lack of a space before it.
_FIRST_WORD = 4
_SYLLABLES = [f"{consonant}{vowel}" for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_CODED = re.compile(r"\b(?:[bdfgklmnprstvz][aeiou]){3,4}\b")


class Counting(LongSuite):
    """Coded words, so that nothing that was learnt helps.

    common    five words come thirty times each, all others three times
    frequent  how often a word comes falls with its rank; the first three are wanted
    """

    name = "counting"
    usual = 120
    lengths = _LENGTHS
    rules = Rules(
        prompt="a list of made-up words, then how many of the most frequent ones are wanted",
        extraction="all words of that make in the last line of the final answer that has any",
        scoring="right if they are just those that are wanted; the overlap stands in the details",
        tokens={"low": 200, "medium": 1500, "high": 4000},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """The words that are wanted; the list is made later."""
        form = _FORMS[(number // len(_LENGTHS)) % len(_FORMS)]
        length = _LENGTHS[number % len(_LENGTHS)]
        count = _COMMON if form == "common" else _FREQUENT
        words = list(islice(_other_words(draws, ()), count))
        data = {"form": form, "length": length, "text": draws.stream("list").origin, "words": words}
        return {"form": form, "length": written(length)}, data

    def long_part(self, sample: Sample, draws: Draws, num_tokens: int) -> str:
        """The list, of so many tokens at most."""
        return " ".join(self._words(sample, draws, num_tokens))

    def asked(self, sample: Sample) -> str:
        """How many words, and the form of the answer."""
        data: Mapping[str, Any] = sample.data
        return (
            f"Which {len(data['words'])} words stand most often in the list above? Answer with one line: these words "
            "alone, with commas between them."
        )

    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """Whether it names those and no other."""
        data: Mapping[str, Any] = sample.data
        right = set(data["words"])
        lines = [
            found
            for line in answer.content.casefold().splitlines()
            if (found := set(_CODED.findall(line)) - _ENGLISH)
        ]
        if not lines:
            return Grade.missing(is_cut_off=answer.is_cut_off)
        named = lines[-1]
        return Grade.of(
            named == right,
            found=", ".join(sorted(named)),
            reason="" if named == right else f"{len(named & right)} of {len(right)} are right",
            details={"overlap": len(named & right) / len(named | right)},
        )

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The words."""
        data: Mapping[str, Any] = sample.data
        return [Answer(content=", ".join(data["words"]))]

    def _words(self, sample: Sample, draws: Draws, num_tokens: int) -> list[str]:
        data: Mapping[str, Any] = sample.data
        count = self.options.count_tokens
        num_tokens -= _FIRST_WORD
        if data["form"] == "common":
            words = [word for word in data["words"] for _ in range(_TIMES)]
            left = num_tokens - count(f" {' '.join(words)}")
            for word in _other_words(draws, data["words"]):
                left -= _RARE_TIMES * count(f" {word}")
                if left < 0:
                    break
                words += [word] * _RARE_TIMES
            return draws.shuffled(words)
        others = islice(_other_words(draws, data["words"]), _RANKS - len(data["words"]))
        ranked = [*data["words"], *others]
        weights = [1 / rank**_FALL for rank in range(1, len(ranked) + 1)]
        costs = [count(f" {word}") * weight for word, weight in zip(ranked, weights, strict=True)]
        times = [int(num_tokens / sum(costs) * weight) for weight in weights]
        return draws.shuffled([w for w, n in zip(ranked, times, strict=True) for _ in range(n)])


def _other_words(draws: Draws, words: Sequence[str]) -> Iterator[str]:
    """Coded words without end, none twice, and none of those."""
    seen = {*words, *_ENGLISH}
    while True:
        word = "".join(draws.one_of(_SYLLABLES) for _ in range(draws.between(3, 4)))
        if word not in seen:
            seen.add(word)
            yield word


# Of those that this could make: what a sentence of an answer may have.
_ENGLISH = frozenset(
    ("banana", "debate", "delete", "denote", "domino", "kimono", "negate", "polite", "potato", "relate", "remove",
     "rotate", "salami", "senate", "tomato", "minute", "finite", "remote")
)  # fmt: skip
