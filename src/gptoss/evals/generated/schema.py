"""JSON of random schemas, filled with what sentences tell; with the grammar that enforces it, and without."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import GeneratedSuite, Rules, item
from gptoss.evals.generated.record_form import draw_record, matches
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, Sample

_DEPTHS = (1, 2, 3)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
GRAMMAR, PROMPT = "grammar", "prompt alone"


class Schemas(GeneratedSuite):
    """Each schema is asked for twice: held to it, and told of it alone."""

    name = "schema"
    usual = 60
    rules = Rules(
        prompt="sentences that tell the values of a record, then the schema; once with it as response_format as well",
        extraction="the final answer as JSON; without the grammar, a fenced block is taken off",
        scoring="right if it matches the schema and every field is equal; each schema is one cluster of two items",
        tokens={"low": 300, "medium": 800, "high": 1500},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A schema, a value of it, and the text that tells it."""
        depth = _DEPTHS[number % len(_DEPTHS)]
        schema, value, told = draw_record(draws, depth)
        return {"levels": str(depth)}, {"schema": schema, "value": value, "told": told}

    def questions(self, sample: Sample) -> dict[str, Question]:
        """The question under both conditions."""
        data: Mapping[str, Any] = sample.data
        text = (
            f"{data['told']}\n\nWrite this record as one JSON object of the following schema, and nothing else. "
            f"Dates are written as in 1999-12-31.\n\n{json.dumps(data['schema'], indent=1)}"
        )
        messages = ({"role": "user", "content": text},)
        form = {"type": "json_schema", "json_schema": {"name": "record", "schema": data["schema"]}}
        return {
            GRAMMAR: Question(messages=messages, response_format=form),
            PROMPT: Question(messages=messages),
        }

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask with the grammar, then without."""
        items = []
        for condition, question in self.questions(sample).items():
            grade = _grade(sample, await ask(question), condition)
            items.append(item(sample, grade, condition, held_by=condition))
        return items

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """The record, twice."""
        return [Answer(content=json.dumps(sample.data["value"]))] * 2


def _grade(sample: Sample, answer: Answer, condition: str) -> Grade:
    content, stage = answer.content.strip(), "whole"
    if condition == PROMPT and (fenced := _FENCED.search(content)):
        content, stage = fenced[1], "fenced"
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return Grade.missing(is_cut_off=answer.is_cut_off, reason="it is no JSON")
    data: Mapping[str, Any] = sample.data
    found = json.dumps(value, ensure_ascii=False)
    if not matches(value, data["schema"]):
        return Grade.of(False, found=found, stage=stage, reason="it does not match the schema")
    wrong = [name for name, right in data["value"].items() if value[name] != right]
    reason = f"other values: {', '.join(wrong)}" if wrong else ""
    return Grade.of(not wrong, found=found, stage=stage, reason=reason)
