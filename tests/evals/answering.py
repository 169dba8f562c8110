"""Whoever answers the questions of generated suites in tests: what is right, what is given, and what is naive."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Sequence

from gptoss.chat.reply import Usage
from gptoss.evals.generated.code import Code
from gptoss.evals.generated.generated_suite import GeneratedSuite
from gptoss.evals.grade import Item
from gptoss.evals.question import Answer, Call, Question
from gptoss.evals.suite import Sample, Suite

Answerer = Callable[[Question, random.Random], Answer]


def play(suite: Suite, sample: Sample, answers: Sequence[Answer]) -> Sequence[Item]:
    """The items of a sample whose questions are answered so, one after the other; all of them must be asked for."""
    return asyncio.run(_played(suite, sample, answers, []))


def right_items(suite: GeneratedSuite, samples: Sequence[Sample]) -> list[Item]:
    """The items of samples that are answered right."""

    async def run() -> list[Item]:
        played = [await _played(suite, each, suite.reference(each), []) for each in samples]
        return [item for items in played for item in items]

    return asyncio.run(run())


def asked(suite: GeneratedSuite, sample: Sample) -> list[Question]:
    """All that a sample asks of somebody who answers right."""
    if isinstance(suite, Code):
        # Without a sandbox.
        return [suite.question(sample)]
    questions: list[Question] = []
    asyncio.run(_played(suite, sample, suite.reference(sample), questions))
    return questions


def items_by(suite: Suite, samples: Sequence[Sample], answerer: Answerer) -> list[Item]:
    """The items of samples whose questions are answered by a rule; the same each time."""
    source = random.Random("answers")

    async def ask(question: Question) -> Answer:
        return answerer(question, source)

    async def run() -> list[Item]:
        return [item for sample in samples for item in await suite.play(sample, 0, ask)]

    return asyncio.run(run())


async def _played(
    suite: Suite, sample: Sample, answers: Sequence[Answer], questions: list[Question]
) -> Sequence[Item]:
    left = list(answers)

    async def ask(question: Question) -> Answer:
        questions.append(question)
        return left.pop(0)

    items = await suite.play(sample, 0, ask)
    assert not left, f"{suite.name} {sample.id} asked less than it has answers to"
    return items


def score(items: Sequence[Item]) -> float:
    """Their mean score."""
    return sum(item.grade.score for item in items) / len(items)


def told(question: Question) -> str:
    """All that the messages of a question say."""
    return "\n".join(str(message["content"]) for message in question.messages)


def _words(question: Question) -> list[str]:
    return re.findall(r"\S+", told(question))


def _with_tokens(content: str) -> Answer:
    return Answer(content=content, usage=Usage(10, len(content) + 1, 0), repairs=1)


def _of_schema(schema: dict[str, object], root: dict[str, object]) -> object:
    """The value of a schema that somebody gives who reads nothing else."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _of_schema(root["$defs"][name], root)  # type: ignore[index]
    if "enum" in schema:
        return schema["enum"][0]  # type: ignore[index]
    match schema["type"]:
        case "object":
            return {name: _of_schema(part, root) for name, part in schema["properties"].items()}  # type: ignore[attr-defined]
        case "array":
            return [_of_schema(schema["items"], root)]  # type: ignore[arg-type]
        case "string":
            return "ABC-1000" if "pattern" in schema else "x"
        case "boolean":
            return True
    return schema.get("minimum", 0)


def _least(question: Question, _: random.Random) -> Answer:
    if question.response_format is not None:
        schema = question.response_format["json_schema"]["schema"]  # type: ignore[index]
        return _with_tokens(json.dumps(_of_schema(schema, schema)))
    return _call_first(question, _)


def _call(tool: dict[str, dict[str, object]]) -> Call:
    function = tool["function"]
    value = _of_schema(function["parameters"], {})  # type: ignore[arg-type]
    return Call(str(function["name"]), json.dumps(value), "call_0")


def _call_first(question: Question, _: random.Random) -> Answer:
    calls = tuple(_call(tool) for tool in question.tools[:1])  # type: ignore[arg-type]
    return Answer(content="" if calls else "no", calls=calls, repairs=1)


def _call_all(question: Question, _: random.Random) -> Answer:
    calls = tuple(_call(tool) for tool in question.tools)  # type: ignore[arg-type]
    return Answer(content="" if calls else "no", calls=calls, repairs=1)


def _constant(content: str) -> Answerer:
    return lambda _question, _source: _with_tokens(content)


# Strategies of somebody who knows nothing, by name.
NAIVE: dict[str, Answerer] = {
    "empty": _constant(""),
    "a number": _constant("42"),
    "one": _constant("1"),
    "yes": _constant("Yes."),
    "none": _constant("NONE"),
    "refusal": _constant("I'm sorry, but I can't help with that."),
    "object": _constant("{}"),
    "code": _constant("```python\ndef solve(values):\n    return values\n```"),
    "prose": _constant("this is a text that says very little about anything at all. " * 6),
    "capitals": _constant("THIS IS A TEXT THAT SAYS VERY LITTLE. " * 6),
    "echo": lambda question, _: _with_tokens(str(question.messages[-1]["content"])),
    "echo of all": lambda question, _: _with_tokens(told(question)),
    "first line": lambda question, _: _with_tokens(told(question).partition("\n")[0]),
    "random words": lambda question, source: _with_tokens(
        " ".join(source.choices(_words(question), k=12))
    ),
    "random word": lambda question, source: _with_tokens(source.choice(_words(question))),
    "random number": lambda question, source: _with_tokens(
        source.choice(re.findall(r"\d{4,}", told(question)) or ["0"])
    ),
    "every word": lambda question, _: _with_tokens(", ".join(dict.fromkeys(_words(question)))),
    "least value": _least,
    "first call": _call_first,
    "every call": _call_all,
}
