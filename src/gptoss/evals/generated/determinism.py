"""Whether a prompt gives the same answer again: beside other prompts, behind them, and with its prefix kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptoss.evals.generated.arithmetic_tasks import Cell, draw_task
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import GeneratedSuite, Rules, item
from gptoss.evals.generated.haystack import haystack
from gptoss.evals.generated.vocabulary import THINGS, TOPICS
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, Sample

_TOKENS = 160
_PROSE_TOKENS = 300


class Determinism(GeneratedSuite):
    """Each prompt is asked three times at temperature 0, with others between, while other samples run beside it."""

    name = "determinism"
    usual = 20
    rules = Rules(
        prompt="a prompt, one that begins likewise, the first again, one that differs from its first word, and the "
        "first again; samples run beside each other, so that the batch differs each time",
        extraction="text, chain of thought, calls and how the answer ended",
        scoring="right if all of that is the same all three times, to the letter",
        differs=(
            "the temperature is 0, and an answer has 160 tokens at most, whatever the run says",
        ),
        tokens={"low": _TOKENS, "medium": _TOKENS, "high": _TOKENS},
        temperature=0.0,
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """The prompts."""
        prose = haystack(draws, _PROSE_TOKENS, lambda text: len(text) // 4, [])
        sums = [draw_task(Cell("sum", 5), draws)[0] for _ in range(2)]
        first, second = draws.some_of(TOPICS, 2)
        form = ("sum", "text", "long")[number % 3]
        prompts = {
            "sum": (sums[0], sums[1]),
            "text": (f"Write two sentences about {first}.", f"Write two sentences about {second}."),
            "long": (f"{prose}\n\nWhat is this about?", f"{prose}\n\nHow many people are named?"),
        }[form]
        other = f"Name three things that a {draws.one_of(THINGS)} is made of."
        return {"form": form}, {"prompt": prompts[0], "alike": prompts[1], "other": other}

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask three times, with others between."""
        data: Mapping[str, Any] = sample.data
        answers = []
        for name in ("prompt", "alike", "prompt", "other", "prompt"):
            question = Question.of(data[name])
            answer = await ask(replace(question, temperature=0.0, top_p=1.0, max_tokens=_TOKENS))
            if name == "prompt":
                answers.append(answer)
        return [item(sample, _grade(answers))]

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The same each time."""
        return [Answer(content="The same.")] * 5


def _grade(answers: Sequence[Answer]) -> Grade:
    said = [(each.content, each.reasoning, each.calls, each.finish_reason) for each in answers]
    if not any(content or reasoning or calls for content, reasoning, calls, _ in said):
        return Grade.missing(is_cut_off=False)
    other = next((number for number, each in enumerate(said, 1) if each != said[0]), None)
    if other is None:
        return Grade.of(True)
    first, differing = (
        f"{each.reasoning}\n{each.content}" for each in (answers[0], answers[other - 1])
    )
    pairs = zip(first, differing, strict=False)
    shorter = min(len(first), len(differing))
    place = next((place for place, (a, b) in enumerate(pairs) if a != b), shorter)
    reason = f"answer {other} differs from the first at character {place}"
    return Grade.of(False, found=differing[max(0, place - 40) : place + 40], reason=reason)
