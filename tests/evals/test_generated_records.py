"""Records by schemas: our reading of them against another validator, and answers in several spellings."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator

import jsonschema_rs
import pytest

from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.generated.record_form import matches
from gptoss.evals.generated.schema import GRAMMAR, PROMPT, Schemas
from gptoss.evals.grade import Outcome
from gptoss.evals.question import Answer
from tests.evals.answering import asked, play
from tests.levels import rounds

STRANGE = (
    None,
    True,
    False,
    0,
    -1,
    10**6,
    1.5,
    "",
    "x",
    "red",
    "ABC-1000",
    "2001-01-01",
    [],
    [1],
    ["x"] * 9,
    {},
    {"a": 1},
)


def _changed(value: object, source: random.Random) -> object:
    """A value with one of its parts replaced, removed or added."""
    value = copy.deepcopy(value)
    part = value
    while isinstance(part, dict | list) and part:
        key = source.choice(list(part) if isinstance(part, dict) else range(len(part)))
        inner = part[key]
        if isinstance(inner, dict | list) and inner and source.random() < 0.6:
            part = inner
            continue
        match source.randrange(4):
            case 0:
                del part[key]
            case 1 if isinstance(part, dict):
                part["other"] = source.choice(STRANGE)
            case _:
                part[key] = source.choice(STRANGE)
        break
    return value


def _values(value: object, source: random.Random) -> Iterator[object]:
    yield value
    for _ in range(rounds(60)):
        yield _changed(value, source)


def test_values_match_as_another_validator_finds() -> None:
    source = random.Random("values")
    outcomes = set()
    for sample in Schemas(GeneratedOptions(size=40)).samples():
        schema = sample.data["schema"]
        assert isinstance(schema, dict)
        validator = jsonschema_rs.validator_for(schema)
        for value in _values(sample.data["value"], source):
            assert matches(value, schema) == validator.is_valid(value), (schema, value)
            outcomes.add(validator.is_valid(value))
    assert outcomes == {True, False}


@pytest.fixture(scope="module")
def suite() -> Schemas:
    return Schemas(GeneratedOptions(size=12))


def _grades(suite: Schemas, number: int, contents: tuple[str, str]) -> list[tuple[Outcome, str]]:
    answers = [Answer(content=each) for each in contents]
    items = play(suite, suite.samples()[number], answers)
    assert [item.category["held_by"] for item in items] == [GRAMMAR, PROMPT]
    assert len({item.cluster for item in items}) == 1
    return [(item.grade.outcome, item.grade.reason) for item in items]


def test_a_fenced_answer_counts_where_no_grammar_forbids_it(suite: Schemas) -> None:
    fenced = f"Here it is:\n```json\n{json.dumps(suite.samples()[0].data['value'])}\n```"
    held, told = _grades(suite, 0, (fenced, fenced))
    assert held == (Outcome.NO_ANSWER, "it is no JSON")
    assert told == (Outcome.RIGHT, "")


def test_other_values_and_other_schemas_are_told_apart(suite: Schemas) -> None:
    value = suite.samples()[0].data["value"]
    assert isinstance(value, dict)
    name = next(iter(value))
    lacking = {key: each for key, each in value.items() if key != name}
    (outcome, reason), _ = _grades(suite, 0, (json.dumps(lacking), json.dumps(lacking)))
    assert (outcome, reason) == (Outcome.WRONG, "it does not match the schema")
    other = next(
        sample.data["value"] for sample in suite.samples() if sample.data["value"] != value
    )
    (outcome, _), _ = _grades(suite, 0, (json.dumps(other), json.dumps(other)))
    assert outcome is Outcome.WRONG


def test_a_right_form_with_wrong_content_is_wrong(suite: Schemas) -> None:
    for sample in suite.samples():
        value = copy.deepcopy(sample.data["value"])
        assert isinstance(value, dict)
        name = next((key for key, each in value.items() if isinstance(each, bool)), None)
        if name is not None:
            value[name] = not value[name]
            answers = [Answer(content=json.dumps(value))] * 2
            grade = play(suite, sample, answers)[0].grade
            assert grade.reason == f"other values: {name}"
            return
    pytest.fail("no record has a truth value")


@pytest.mark.parametrize("content", ["", "[" * 5000, "NaN", "1e999", "null", '"x"', "[1]"])
def test_what_is_no_record(suite: Schemas, content: str) -> None:
    outcomes = {outcome for outcome, _ in _grades(suite, 0, (content, content))}
    assert outcomes <= {Outcome.WRONG, Outcome.NO_ANSWER}


def test_both_conditions_ask_the_same(suite: Schemas) -> None:
    held, told = asked(suite, suite.samples()[0])
    assert held.messages == told.messages
    assert held.response_format is not None
    assert told.response_format is None


def test_schemas_have_every_kind_of_part() -> None:
    text = json.dumps([sample.data["schema"] for sample in Schemas().samples()])
    for kind in (
        "$ref",
        "enum",
        "pattern",
        "minimum",
        '"number"',
        '"boolean"',
        '"array"',
        "minItems",
    ):
        assert kind in text
