"""What a turn tells, and what of it is told again."""

from __future__ import annotations

from typing import Any

from gptoss.chat.events import together
from gptoss.engine.request import Request
from gptoss.engine.sequence import Sequence
from gptoss.harmony import ContentDelta, ToolCallDelta
from gptoss.server.responses.items import excerpt_of
from tests.growth.case import Case


def _waiting(size: int) -> tuple[Sequence, list[Sequence]]:
    """A prompt, and others that begin as it does."""
    made = [Sequence(Request([1] * size), 10) for _ in range(3)]
    return made[0], made[1:]


def _compare(given: tuple[Sequence, list[Sequence]]) -> None:
    """In every step of the engine."""
    sequence, others = given
    for _ in range(len(sequence.token_ids) // 32):
        for other in others:
            sequence.num_common(other)


def _deltas(size: int) -> list[Any]:
    half: list[Any] = [ContentDelta("word ")] * size
    return half + [ToolCallDelta(0, "word ")] * size


CASES = (
    Case("pieces of a text", _deltas, together, 10_000),
    Case(
        "dots of a thought", lambda size: "a" + "." * size + "b", lambda t: excerpt_of(t, 3), 50_000
    ),
    Case("dots and spaces", lambda size: ". a" * size, lambda t: excerpt_of(t, 3), 50_000),
    Case("prompts that begin alike", _waiting, _compare, 20_000),
)
