"""What a judge of Humanity's Last Exam is asked, and what its answer means. One that makes no sense is no grade."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gptoss.evals.extraction.leaks import without_leaks
from gptoss.evals.grade import JUDGE_FAILED, JUDGED, Grade
from gptoss.evals.question import Answer, Question
from gptoss.files.json_text import parse_object

_MOST_TOKENS = 4096
_FIELDS = ("extracted_final_answer", "reasoning", "correct", "confidence")
_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "judgement",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "extracted_final_answer": {"type": "string"},
                "reasoning": {"type": "string"},
                "correct": {"type": "string", "enum": ["yes", "no"]},
                "confidence": {"type": "integer"},
            },
            "required": [*_FIELDS],
            "additionalProperties": False,
        },
    },
}
# The authors' wording, by which judges are compared.
_PROMPT = """\
Judge whether the following [response] to [question] is correct or not based on the precise and unambiguous \
[correct_answer] below.

[question]: {question}

[response]: {response}

Your judgement must be in the format and criteria specified below:

extracted_final_answer: The final exact answer extracted from the [response]. Put the extracted answer as 'None' \
if there is no exact, final answer to extract from the response.

[correct_answer]: {right}

reasoning: Explain why the extracted_final_answer is correct or incorrect based on [correct_answer], focusing \
only on if there are meaningful differences between [correct_answer] and the extracted_final_answer. Do not \
comment on any background to the problem, do not attempt to solve the problem, do not argue for any answer \
different than [correct_answer], focus only on whether the answers match.

correct: Answer 'yes' if extracted_final_answer matches the [correct_answer] given above, or is within a small \
margin of error for numerical problems. Answer 'no' otherwise, i.e. if there if there is any inconsistency, \
ambiguity, non-equivalency, or if the extracted answer is incorrect.

confidence: The extracted confidence score between 0|\\%| and 100|\\%| from [response]. Put 100 if there is no \
confidence score available."""
_LINE = re.compile(rf"^\W{{0,4}}({'|'.join(_FIELDS)})\W{{0,4}}?:\W{{0,4}}(.*)$", re.MULTILINE)


def judge_question(question: str, response: str, right: str) -> Question:
    """What the judge is asked."""
    # Not `format`, which would read braces of a response.
    parts = {"question": question, "response": response, "right": right}
    text = re.sub(r"\{(question|response|right)\}", lambda found: parts[found[1]], _PROMPT)
    return Question(
        messages=[{"role": "user", "content": text}],
        response_format=_FORMAT,
        temperature=0.0,
        max_tokens=_MOST_TOKENS,
    )


def judged_grade(said: Answer, right: str) -> Grade:
    """The grade by a judgement; unknown where it is none, or contradicts itself."""
    fields = _fields(without_leaks(said.content))
    verdict = str(fields.get("correct", "")).strip().strip("*'\"`.").lower()
    found = str(fields.get("extracted_final_answer", "")).strip()
    if verdict not in ("yes", "no"):
        cut = " (it was cut off)" if said.is_cut_off else ""
        shown = said.content.strip()[:120]
        return Grade.unknown(
            f"the judge says neither yes nor no{cut}: {shown!r}",
            stage=JUDGE_FAILED,
            details={"right": right},
        )
    if verdict == "yes" and found.lower() in ("", "none"):
        return Grade.unknown(
            "the judge says yes to no answer", stage=JUDGE_FAILED, details={"right": right}
        )
    details = {
        "right": right,
        "confidence": _confidence(fields.get("confidence")),
        "judgement": str(fields.get("reasoning", ""))[:2000],
    }
    if found.lower() in ("", "none"):
        return Grade.missing(
            is_cut_off=False, stage=JUDGED, reason="the judge finds no answer", details=details
        )
    return Grade.of(verdict == "yes", found=found[:500], stage=JUDGED, details=details)


def _fields(text: str) -> Mapping[str, Any]:
    """What a judgement says, as JSON or as lines, by its names."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        # Where it says a thing twice, it says none.
        return parse_object(text[begin : end + 1].encode())
    except ValueError:
        pass
    lines: dict[str, str] = {}
    for name, said in _LINE.findall(text):
        if lines.setdefault(name, said) != said:
            # It says two things, and so none.
            return {}
    return lines


def _confidence(value: object) -> float | None:
    """From 0 to 1; None where it is no percentage: a judge may say anything."""
    try:
        number = float(str(value).strip().rstrip("%"))
    except ValueError:
        return None
    return number / 100 if 0 <= number <= 100 else None
