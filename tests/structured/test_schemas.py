"""Schemas: what matches can be written, what does not cannot, and whatever is written to its end matches."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import numpy as np
import pytest

from gptoss.errors import SchemaError
from gptoss.structured import Answer, AnswerKind, TurnCompiler, TurnRules
from gptoss.tokenizer import Tokenizer
from tests import o200k
from tests.levels import examples, rounds
from tests.structured.forms import made_schema
from tests.structured.schemas import CASES, Case
from tests.structured.walks import messages_of, require_valid, take_walk

NUM_FORMS = 300


def rules_of(schema: Any, *, is_strict: bool = True) -> TurnRules:
    answer = Answer(AnswerKind.JSON_SCHEMA, schema, is_strict=is_strict)
    return TurnRules(answer=answer, reasons=False)


def can_write(turns: TurnCompiler, tokenizer: Tokenizer, rules: TurnRules, text: str) -> bool:
    """Whether the whole answer can be sampled, token by token as it is encoded."""
    special = tokenizer.special_id
    ids = [special("<|channel|>"), *tokenizer.encode("final"), special("<|message|>")]
    ids += [*tokenizer.encode(text), special("<|return|>")]
    constraint = turns.constraint(turns.compile(rules), 0)
    for position, token_id in enumerate(ids):
        logits = constraint(ids[:position], np.zeros(tokenizer.vocab_size, np.float32))
        if logits[token_id] != 0:
            return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values(case: Case, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    rules = rules_of(case.schema)
    for value in case.good:
        jsonschema_rs.validator_for(case.schema, validate_formats=True).validate(value)
        for text in (
            json.dumps(value),
            json.dumps(value, ensure_ascii=False),
            json.dumps(value, ensure_ascii=False, separators=(",", ":")),
            json.dumps(value, indent=4),
        ):
            # Texts are written as they are, without such escapes.
            if "\\u" not in text:
                assert can_write(nano_turns, nano_tokenizer, rules, text), text
    for value in case.bad:
        text = json.dumps(value)
        assert not can_write(nano_turns, nano_tokenizer, rules, text), text


def walk_and_check(
    schema: dict[str, Any], turns: TurnCompiler, tokenizer: Tokenizer, seed: int
) -> bool:
    compiled = turns.compile(rules_of(schema))
    assert compiled.not_enforced == ()
    walk = take_walk(turns.constraint(compiled, 0), tokenizer, np.random.default_rng(seed))
    (message,) = messages_of(walk, tokenizer)
    assert message.channel == "final"
    if walk.is_finished:
        require_valid(message.text, schema)
    return walk.is_finished


def test_own_schemas_with_noise(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    finished = [
        walk_and_check(case.schema, nano_turns, nano_tokenizer, seed)
        for case in CASES
        for seed in range(rounds(4))
    ]
    assert np.mean(finished) > 0.9


def test_public_forms_with_noise(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    finished = [
        walk_and_check(made_schema(index), nano_turns, nano_tokenizer, index)
        for index in range(examples(NUM_FORMS))
    ]
    assert np.mean(finished) > 0.9


def test_the_real_vocabulary_with_noise(real_turns: TurnCompiler) -> None:
    num = rounds(7)
    schemas = [case.schema for case in CASES[::9][:num]] + [
        made_schema(each) for each in range(num)
    ]
    finished = [
        walk_and_check(schema, real_turns, o200k.tokenizer(), seed)
        for seed, schema in enumerate(schemas)
    ]
    assert np.mean(finished) > 0.7


UNSUPPORTED = [
    ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "uniqueItems"),
    ({"not": {"type": "string"}}, "not"),
    ({"if": {"type": "string"}, "then": {"minLength": 2}}, "if"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"type": "array", "contains": {"type": "string"}}, "contains"),
    ({"type": "object", "propertyNames": {"pattern": "^a"}}, "propertyNames"),
    ({"type": "string", "format": "no such format"}, "no such format"),
    ({"oneOf": [{"type": "string"}, {"type": "string", "minLength": 2}]}, "oneOf"),
]


@pytest.mark.parametrize(("schema", "name"), UNSUPPORTED)
def test_what_cannot_be_enforced_is_refused_by_name(
    schema: dict[str, Any], name: str, nano_turns: TurnCompiler
) -> None:
    with pytest.raises(SchemaError, match=f"the schema of the answer: .*{name}"):
        nano_turns.compile(rules_of(schema))


@pytest.mark.parametrize(("schema", "name"), UNSUPPORTED)
def test_or_reported_where_the_caller_allows_it(
    schema: dict[str, Any], name: str, nano_turns: TurnCompiler
) -> None:
    compiled = nano_turns.compile(rules_of(schema, is_strict=False))
    assert any(name in said for said in compiled.not_enforced)
