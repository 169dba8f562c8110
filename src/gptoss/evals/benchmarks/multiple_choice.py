"""Questions with lettered choices: how they are written, and the grade of what was chosen."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gptoss.evals.extraction.choices import Stage, chosen_letter
from gptoss.evals.extraction.published import Reading
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer

LETTERS = "ABCDEFGHIJ"
# Of a protocol whose published patterns end with looser ones than ours.
FALLBACKS = (
    "the published patterns end with some that take a capital letter anywhere for the answer; these are not counted, "
    "and where the published ones read another letter, the sample's details have it"
)


def lines_of(choices: Sequence[str], form: str) -> str:
    """Choices one a line, each after its letter: `A) ...` by the form `{})`."""
    return "\n".join(
        f"{form.format(letter)} {choice}" for letter, choice in zip(LETTERS, choices, strict=False)
    )


def asked_for_letter(question: str, choices: Sequence[str], letters: str) -> str:
    """The message of Artificial Analysis' methodology: the form of the last line first, then question and choices."""
    return (
        "Answer the following multiple choice question. The last line of your response should be in the following "
        f"format: 'Answer: {'/'.join(letters)}' (e.g. 'Answer: A').\n\n{question}\n\n{lines_of(choices, '{})')}"
    )


def graded_choice(
    answer: Answer,
    *,
    letters: str,
    right: str,
    first: Sequence[Stage],
    published: Reading | None = None,
) -> Grade:
    """The grade of an answer; where a published harness would read another letter, that is kept in its details."""
    choice = chosen_letter(answer.content, letters, first)
    details: dict[str, object] = {"right": right}
    other = published(answer.content) if published is not None else None
    if published is not None and other != choice.letter:
        details["published harness"] = other
    if choice.letter is None:
        return Grade.missing(is_cut_off=answer.is_cut_off, reason=choice.reason, details=details)
    return Grade.of(
        choice.letter == right, found=choice.letter, stage=str(choice.stage), details=details
    )


def drawn(seed: int, sample: str, repeat: int, what: str) -> random.Random:
    """A source of chance that is the same for this sample and repeat in every run of the seed."""
    return random.Random(f"{what}/{seed}/{sample}/{repeat}")
