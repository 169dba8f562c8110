"""Whether answers keep to the chat format: nothing to repair, and the form that was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptoss.evals.generated.arithmetic import Arithmetic
from gptoss.evals.generated.calls import calling
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import OneQuestionSuite, Rules
from gptoss.evals.generated.hierarchy import Hierarchy
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.generated.schema import GRAMMAR, Schemas
from gptoss.evals.generated.tools import Tools
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Sample

_FORMS = ("text", "instructed", "object", "call")


class HarmonyForm(OneQuestionSuite):
    """Questions of other suites, whose answers may be wrong but not malformed."""

    name = "harmony"
    usual = 80
    rules = Rules(
        prompt="questions of the suites arithmetic, hierarchy, schema (with the grammar) and tools (a call required)",
        extraction="repairs that the reading of the answer needed, marks of the format in its text, and its form",
        scoring="right if nothing had to be repaired and there is a text, a JSON object or a call with JSON, as asked; "
        "what is right in the answer does not count. Over a server nobody counts repairs, so nothing is graded",
        tokens={"low": 150, "medium": 400, "high": 900},
    )

    def __init__(self, options: GeneratedOptions | None = None) -> None:
        super().__init__(options)
        self._text, self._instructed = Arithmetic(self.options), Hierarchy(self.options)
        self._object, self._call = Schemas(self.options), Tools(self.options)

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """A sample of the suite whose turn it is."""
        form = _FORMS[number % len(_FORMS)]
        suites = {
            "text": self._text, "instructed": self._instructed, "object": self._object, "call": self._call,
        }  # fmt: skip
        _, data = suites[form].draw(number // len(_FORMS), draws)
        return {"form": form}, {"form": form, "inner": data}

    def question(self, sample: Sample) -> Question:
        """As that suite asks first."""
        inner = _inner(sample)
        match sample.data["form"]:
            case "text":
                return self._text.question(inner)
            case "instructed":
                return self._instructed.question(inner)
            case "object":
                return self._object.questions(inner)[GRAMMAR]
        data: Mapping[str, Any] = inner.data
        asked = Question.of(data["steps"][0]["said"])
        return replace(asked, tools=tuple(data["tools"]), tool_choice="required")

    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """Whether it is well formed."""
        if answer.repairs is None:
            return Grade.unknown("repairs are counted in process alone")
        if answer.repairs:
            return Grade.of(False, found=f"{answer.repairs} repairs", reason="the format was left")
        if "<|" in answer.content:
            return Grade.of(
                False, found=answer.content, reason="marks of the format are in the text"
            )
        if answer.is_cut_off or not (answer.content or answer.calls):
            return Grade.missing(is_cut_off=answer.is_cut_off)
        reason = _malformed(str(sample.data["form"]), answer)
        return Grade.of(not reason, reason=reason)

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """Anything of that form."""
        match sample.data["form"]:
            case "object":
                return [Answer(content="{}", repairs=0)]
            case "call":
                return [replace(calling({"name": "any", "arguments": {}}), repairs=0)]
        return [Answer(content="Yes.", repairs=0)]


def _inner(sample: Sample) -> Sample:
    data: Mapping[str, Any] = sample.data
    return Sample(id=sample.id, data=data["inner"])


def _malformed(form: str, answer: Answer) -> str:
    match form:
        case "object":
            return "" if _is_object(answer.content) else "the answer is no JSON object"
        case "call" if not answer.calls:
            return "a call was required"
        case "call" if not all(_is_object(call.arguments) for call in answer.calls):
            return "arguments are no JSON object"
    return ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
