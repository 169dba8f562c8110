"""Facts told over several turns, some of them corrected, and asked for at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import GeneratedSuite, Rules, item
from gptoss.evals.generated.names import distinct_numbers, draw_names
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, Sample

_TURNS = (2, 3, 4, 6, 8)
_FORMS = ("told", "corrected", "answered")
# So that an answer drawn from all numbers is seldom right.
_A_TURN = 3
_CODE = re.compile(r"(?<!\d)\d{5}(?!\d)")
_NOTED = "Noted."


class Turns(GeneratedSuite):
    """Numbers of things, three a turn.

    told       the assistant's turns are given
    corrected  likewise, and the number that is asked for was corrected once
    answered   the model itself answers each turn, and does not see its chains of thought again; one is corrected
    """

    name = "turns"
    usual = 60
    rules = Rules(
        prompt="numbers of five digits for three things in each turn, then that of one of them is asked for",
        extraction="all numbers of five digits in the final answer",
        scoring="right if it is that number, in its last form, and no other",
        tokens={"low": 150, "medium": 400, "high": 800},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """What the user says, turn by turn, and the right number."""
        turns, form = _TURNS[number % len(_TURNS)], _FORMS[number % len(_FORMS)]
        things = draw_names(draws, turns * _A_TURN)
        numbers = distinct_numbers(draws, turns * _A_TURN + 1, 5)
        told = [f"the {thing} is {code}" for thing, code in zip(things, numbers, strict=False)]
        said = [
            f"The number of {', of '.join(told[start : start + _A_TURN])}."
            for start in range(0, len(told), _A_TURN)
        ]
        asked = draws.below(len(things))
        right = numbers[asked]
        if form != "told":
            right = numbers[-1]
            correction = f"I was wrong: the number of the {things[asked]} is {right}."
            said.insert(draws.between(asked // _A_TURN + 1, turns), correction)
        data = {
            "said": said, "form": form, "right": right, "wrong": numbers[asked] if form != "told" else None,
            "asked": f"What is the number of the {things[asked]}? Answer with the number alone.",
        }  # fmt: skip
        return {"turns": str(turns), "form": form}, data

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Say everything, and ask at the end."""
        data: Mapping[str, Any] = sample.data
        messages: list[Mapping[str, object]] = []
        for said in data["said"]:
            messages.append({"role": "user", "content": f"{said} Say only that you noted it."})
            answered = Answer(content=_NOTED)
            if data["form"] == "answered":
                answered = await ask(Question(messages=tuple(messages)))
            messages.append({"role": "assistant", "content": answered.content or _NOTED})
        messages.append({"role": "user", "content": data["asked"]})
        answer = await ask(Question(messages=tuple(messages)))
        return [item(sample, _grade(data, answer))]

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """That it noted each, and the number."""
        data: Mapping[str, Any] = sample.data
        noted = len(data["said"]) if data["form"] == "answered" else 0
        return [*[Answer(content=_NOTED)] * noted, Answer(content=str(data["right"]))]


def _grade(data: Mapping[str, Any], answer: Answer) -> Grade:
    found = set(_CODE.findall(answer.content.replace(",", "")))
    if not found:
        return Grade.missing(is_cut_off=answer.is_cut_off)
    is_right = found == {str(data["right"])}
    is_old = not is_right and str(data["wrong"]) in found
    reason = "the number before its correction" if is_old else ""
    return Grade.of(is_right, found=", ".join(sorted(found)), reason=reason)
