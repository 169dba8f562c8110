"""Long texts that say nothing, of a length in tokens, with sentences at chosen depths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import SENTENCE_PARTS

_SENTENCES = 6
# Around a prompt: the opening of the conversation, and the marks of its messages.
FRAME_TOKENS = 160


def haystack(
    draws: Draws,
    num_tokens: int,
    count_tokens: Callable[[str], int],
    inserted: Sequence[tuple[float, str]],
) -> str:
    """Prose of so many tokens at most, and hardly fewer, the inserted sentences included.

    inserted  depth, 0 for the beginning and 1 for the end, and the sentence; those of one depth keep their order
    """
    left = num_tokens - sum(count_tokens(f"{sentence}\n\n") for _, sentence in inserted)
    paragraphs: list[str] = []
    while True:
        text = " ".join(_sentence(draws) for _ in range(_SENTENCES))
        left -= count_tokens(f"{text}\n\n")
        if left < 0:
            break
        paragraphs.append(text)
    count = len(paragraphs)
    # From the end, so that places before stay what they are.
    ordered = sorted(inserted, key=lambda each: each[0])
    for depth, sentence in ordered[::-1]:
        # Not before the first, which whoever repeats a beginning would repeat.
        paragraphs.insert(max(1, round(depth * count)), sentence)
    return "\n\n".join(paragraphs)


def _sentence(draws: Draws) -> str:
    person, verb, thing, end = (draws.one_of(parts) for parts in SENTENCE_PARTS)
    return f"{person[0].upper()}{person[1:]} {verb} {thing} {end}."
