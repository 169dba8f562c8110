"""Whatever is left out of a lenient schema lets more match, and nothing is left out that is not said."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from gptoss.errors import SchemaError
from gptoss.schemas import parts
from gptoss.structured import TurnCompiler
from gptoss.structured.grammar_form import as_text
from gptoss.structured.held_schema import Held, held
from gptoss.structured.turn_grammar import SchemaPart
from gptoss.tokenizer import Tokenizer
from tests.levels import examples
from tests.structured.test_schemas import rules_of
from tests.structured.walks import messages_of, require_valid, take_walk

BYTES = LLTokenizer("byte")
NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 6, -1, 1.5, "", "a", "b", "ab", "xyz"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)
COUNTS = st.integers(0, 3)
PATTERNS = st.sampled_from(["a", "^a", "^[ab]*$", "b$", "^(?!a)", "(?<=a)b"])
REFERENCES = st.sampled_from(["#/$defs/p", "#/$defs/q", "#"])


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A schema of a few keywords, among them those that no grammar keeps."""
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)
    kinds = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
    of_one_kind = {
        "type": kinds | st.lists(kinds, min_size=1, max_size=3, unique=True),
        "properties": named,
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": inner,
        "items": inner,
        "minLength": COUNTS,
        "maxLength": COUNTS,
        "pattern": PATTERNS,
        "minimum": COUNTS,
        "exclusiveMaximum": COUNTS,
        "minItems": COUNTS,
        "maxItems": COUNTS,
    }
    others = {
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "minProperties": COUNTS,
        "maxProperties": COUNTS,
        "prefixItems": several,
        "multipleOf": st.sampled_from([1, 2, 3, 0.5]),
        "enum": st.lists(VALUES, min_size=1, max_size=4),
        "const": VALUES,
        "anyOf": several,
        "oneOf": several,
        "allOf": several,
        "$ref": REFERENCES,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "contains": inner,
        "minContains": COUNTS,
        "uniqueItems": st.booleans(),
        "propertyNames": inner,
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, unique=True), max_size=2),
        "unevaluatedProperties": inner,
        "format": st.sampled_from(["int32", "regex", "no such format"]),
        "x-any": VALUES,
        "description": st.just("d"),
    }
    return st.builds(
        lambda most, rest: {**most, **rest},
        st.fixed_dictionaries({}, optional=of_one_kind).map(_fewer(5)),
        st.fixed_dictionaries({}, optional=others).map(_fewer(3)),
    )


def _fewer(most: int) -> Any:
    """The first few keywords, in an order of their own, so that schemas stay such as people write."""
    return lambda part: dict(sorted(part.items(), key=lambda each: _place_of(part, each[0]))[:most])


def _place_of(part: dict[str, Any], name: str) -> int:
    """An order that is the same in every run."""
    return sum(map(ord, name + "".join(part))) * 2_654_435_761 % 97


SCHEMAS = st.builds(
    lambda root, p, q: {**root, "$defs": {"p": p, "q": q}},
    *[st.recursive(_keywords(st.booleans()), _keywords, max_leaves=6)] * 3,
)


def held_leniently(schema: Any) -> Held:
    def attempt(grammar: str) -> str | None:
        return LLMatcher(BYTES, grammar, log_level=0).get_error() or None

    return held(
        SchemaPart("answer", "it", schema, is_strict=False, is_object=False), schema, attempt
    )


def texts_of(value: Any) -> list[str]:
    """The value as JSON, with its names in every order: a grammar has one of its own."""
    if isinstance(value, list):
        inner = itertools.product(*map(texts_of, value))
        return [f"[{','.join(each)}]" for each in inner]
    if not isinstance(value, dict):
        return [json.dumps(value)]
    found = []
    for names in itertools.permutations(value):
        for each in itertools.product(*(texts_of(value[name]) for name in names)):
            pairs = zip(map(json.dumps, names), each, strict=True)
            found.append(f"{{{','.join(f'{name}:{text}' for name, text in pairs)}}}")
    return found


def is_accepted(form: dict[str, Any], text: str) -> bool:
    matcher = LLMatcher(BYTES, as_text({"answer": {"json_schema": form}}), log_level=0)
    ids = [*text.encode()]
    return matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting()


@settings(max_examples=examples(600))
@given(SCHEMAS, st.lists(VALUES, min_size=4, max_size=12))
def test_what_is_valid_can_be_written(schema: Any, values: list[Any]) -> None:
    found = held_leniently(schema)
    validator = jsonschema_rs.Draft202012Validator(schema)
    for value in values:
        if validator.is_valid(value):
            assert any(is_accepted(found.form, text) for text in texts_of(value)), (
                value,
                found.not_enforced,
            )


SLIPS: dict[str, Any] = {
    "type": None,
    "enum": [],
    "required": "a",
    "properties": 3,
    "patternProperties": {"(": 1},
    "additionalProperties": "no",
    "prefixItems": {},
    "items": 3,
    "minLength": "3",
    "pattern": ["a"],
    "oneOf": [],
    "anyOf": None,
    "$ref": "https://example.org/a",
    "minLenght": 3,
    "multipleOf": 0,
    "maximum": 2**60,
}


@settings(max_examples=examples(300))
@given(
    SCHEMAS,
    st.lists(st.sampled_from(sorted(SLIPS)), min_size=1, max_size=3),
    st.lists(VALUES, min_size=4, max_size=12),
)
def test_a_slip_holds_nothing_back(schema: Any, names: list[str], values: list[Any]) -> None:
    """Written into each part that has no such keyword: what the rest allows can be written."""
    slipped = copy.deepcopy(schema)
    for part, _ in parts(slipped):
        for name in names:
            part.setdefault(name, SLIPS[name])
    found = held_leniently(slipped)
    validator = jsonschema_rs.Draft202012Validator(schema)
    for value in values:
        if validator.is_valid(value):
            assert any(is_accepted(found.form, text) for text in texts_of(value)), (
                value,
                found.not_enforced,
            )


@settings(max_examples=examples(300))
@given(schema=SCHEMAS, seed=st.integers(0, 9))
def test_what_is_written_is_valid_or_said_not_to_be(
    schema: Any, seed: int, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    compiled = nano_turns.compile(rules_of(schema, is_strict=False))
    if compiled.not_enforced:
        with pytest.raises(SchemaError):
            nano_turns.compile(rules_of(schema))
        return
    walk = take_walk(
        nano_turns.constraint(compiled, 0), nano_tokenizer, np.random.default_rng(seed)
    )
    if walk.is_finished:
        (message,) = messages_of(walk, nano_tokenizer)
        require_valid(message.text, schema)
