"""Small programming tasks with hidden tests, run in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.errors import SandboxError
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import GeneratedSuite, Rules, item
from gptoss.evals.generated.program import draw_program
from gptoss.evals.generated.program_check import function_in, run_function
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, Sample
from gptoss.tools.sandbox import choose_rung

_STEPS = (2, 3, 4, 6)
_FAMILIES = {"numbers": "a list of whole numbers", "words": "a list of words in small letters"}


class Code(GeneratedSuite):
    """A function that does one thing after the other to a list."""

    name = "code"
    usual = 80
    rules = Rules(
        prompt="what a function shall do, in numbered steps, with one example",
        extraction="the last fenced block that defines the function, else the whole final answer if it does",
        scoring="right if all of twelve hidden tests give the right value, within ten seconds; what cannot be run for "
        "lack of a sandbox is not graded",
        tokens={"low": 300, "medium": 1200, "high": 3000},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A program, told and tested."""
        count = _STEPS[number % len(_STEPS)]
        family = list(_FAMILIES)[number // len(_STEPS) % len(_FAMILIES)]
        program = draw_program(draws, family, count)
        data = {
            "takes": _FAMILIES[family], "told": program.told, "source": program.source,
            "tests": program.tests, "example": program.example,
        }  # fmt: skip
        return {"steps": str(count), "of": family}, data

    def question(self, sample: Sample) -> Question:
        """What the function shall do."""
        data: Mapping[str, Any] = sample.data
        values, result = data["example"]
        return Question.of(
            f"Write a Python function `solve(values)` that takes {data['takes']} and does the following, one step "
            f"after the other, each to the result of the one before:\n{data['told']}\n\n"
            f"For example, `solve({values!r})` returns `{result!r}`. Answer with one Python code block that has the "
            "function and nothing else."
        )

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask for it and run it."""
        answer = await ask(self.question(sample))
        return [item(sample, await self._grade(sample, answer))]

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The program that was made."""
        return [Answer(content=f"```python\n{sample.data['source']}```")]

    async def _grade(self, sample: Sample, answer: Answer) -> Grade:
        found = function_in(answer.content, "solve")
        if found is None:
            return Grade.missing(is_cut_off=answer.is_cut_off)
        code, stage = found
        data: Mapping[str, Any] = sample.data
        try:
            rung = self.options.rung or choose_rung()
            ran = await run_function(rung, code, [values for values, _ in data["tests"]])
        except SandboxError as error:
            return Grade.unknown(f"no sandbox: {error}", found=code)
        if ran.fault:
            return Grade.of(False, found=code, stage=stage, reason=ran.fault)
        passed = [
            is_good and _same(value, right)
            for (is_good, value), (_, right) in zip(ran.results, data["tests"], strict=False)
        ]
        count = sum(passed)
        return Grade.of(
            count == len(data["tests"]),
            found=code,
            stage=stage,
            reason="" if all(passed) else f"{count} of {len(data['tests'])} tests passed",
        )


def _same(value: object, right: object) -> bool:
    """Whether two values of JSON are the same; True is no number."""
    if isinstance(value, list) and isinstance(right, list):
        return len(value) == len(right) and all(map(_same, value, right))
    return type(value) is type(right) and value == right
