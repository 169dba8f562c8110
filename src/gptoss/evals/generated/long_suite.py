"""Suites of long prompts: lengths by the tokenizer of whoever answers, and those left out that it cannot hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from gptoss.errors import EvalError
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import OneQuestionSuite
from gptoss.evals.generated.haystack import FRAME_TOKENS
from gptoss.evals.question import Question
from gptoss.evals.suite import ProtocolCard, Sample

# For the chain of thought and the answer.
ROOM_TOKENS = 2048


class LongSuite(OneQuestionSuite):
    """Samples that keep how their text is made: it is made when it is asked, since all of them would take gigabytes.

    lengths  tokens of a prompt, its frame included
    """

    lengths: ClassVar[tuple[int, ...]]

    @property
    def card(self) -> ProtocolCard:
        """Its rules; where nobody counts tokens, that as well."""
        card = super().card
        if not self.options.is_estimate:
            return card
        return replace(
            card, differs=(*card.differs, "lengths are estimated, at four bytes a token")
        )

    @property
    def skipped(self) -> Mapping[str, int]:
        """Samples that are longer than the context."""
        count = len(super().samples()) - len(self._held)
        return {"longer than the context": count} if count else {}

    def samples(self) -> Sequence[Sample]:
        """Those that can be held. Raises EvalError where none can."""
        if not self._held:
            raise EvalError(
                f"got a context of {self.options.context:,} tokens, wanted {self.lengths[0] + ROOM_TOKENS:,} or more "
                f"for {self.name}; load the model with a larger one"
            )
        return self._held

    def text(self, sample: Sample) -> str:
        """The prompt, of the sample's length in tokens at most."""
        data: Mapping[str, Any] = sample.data
        draws = Draws(self.name, self.version, data["text"])
        asked = f"\n\n{self.asked(sample)}"
        room = _length(sample) - FRAME_TOKENS - self.options.count_tokens(asked)
        return f"{self.long_part(sample, draws, room)}{asked}"

    def question(self, sample: Sample) -> Question:
        """The long text and what is asked of it."""
        return Question.of(self.text(sample))

    @abstractmethod
    def long_part(self, sample: Sample, draws: Draws, num_tokens: int) -> str:
        """A text of so many tokens at most."""

    @abstractmethod
    def asked(self, sample: Sample) -> str:
        """What stands behind it."""

    @cached_property
    def _held(self) -> tuple[Sample, ...]:
        most = self.options.context - ROOM_TOKENS
        return tuple(each for each in super().samples() if _length(each) <= most)


def _length(sample: Sample) -> int:
    data: Mapping[str, Any] = sample.data
    return int(data["length"])


def written(length: int) -> str:
    """A length as a category: sorted as text, it is sorted by size."""
    return f"{length // 1000:3}k"
