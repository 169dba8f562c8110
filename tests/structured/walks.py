"""Random walks under a constraint: what a model without any sense would write, at a high temperature."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs
import numpy as np

from gptoss import harmony
from gptoss.harmony.names import Marker
from gptoss.structured import Constraint
from gptoss.tokenizer import Tokenizer

TEMPERATURE = 1.5
# Ends strings, lists, objects and messages; liked better the longer a walk is, so that most come to an end.
_CLOSING = ('"', "}", "]", '"}', "0", " ")


@dataclass(frozen=True)
class Walk:
    """What came of one."""

    token_ids: list[int]
    is_finished: bool
    num_forced: int


@cache
def _closing_ids(tokenizer: Tokenizer) -> list[int]:
    markers = (Marker.END, Marker.RETURN, Marker.CALL)
    single = [tokenizer.encode(text) for text in _CLOSING]
    return [ids[0] for ids in single if len(ids) == 1] + [tokenizer.special_id(m) for m in markers]


def take_walk(
    constraint: Constraint,
    tokenizer: Tokenizer,
    rng: np.random.Generator,
    *,
    max_tokens: int = 400,
    begun: Sequence[int] = (),
) -> Walk:
    """From the beginning of a turn to its end, or so many tokens."""
    stops = harmony.stop_ids(tokenizer) - {tokenizer.special_id(Marker.END)}
    ids = list(begun)
    num_forced = 0
    while len(ids) < max_tokens:
        forced = list(constraint.forced(ids))
        num_forced += len(forced)
        if not forced:
            logits = rng.standard_normal(tokenizer.vocab_size, np.float32)
            logits[_closing_ids(tokenizer)] += 0.2 * len(ids)
            logits = constraint(ids, logits)
            gumbel = rng.gumbel(size=tokenizer.vocab_size).astype(np.float32)
            forced = [int(np.argmax(logits / TEMPERATURE + gumbel))]
            assert np.isfinite(logits[forced[0]])
        for token_id in forced:
            ids.append(token_id)
            if token_id in stops:
                return Walk(ids, True, num_forced)
    return Walk(ids, False, num_forced)


def messages_of(walk: Walk, tokenizer: Tokenizer) -> list[harmony.Message]:
    """The turn's messages; only one that was cut short may have anything to repair."""
    parser = harmony.Parser(tokenizer)
    parser.feed_all(walk.token_ids)
    messages, repairs = parser.finish()
    if walk.is_finished:
        assert repairs == [], tokenizer.decode(walk.token_ids)
    return messages


def require_valid(text: str, schema: dict[str, Any]) -> None:
    """By a validator that shares nothing with the grammar's compiler, formats included."""
    value = json.loads(text, parse_float=_finite, object_pairs_hook=_distinct)
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(value)


def _finite(text: str) -> float:
    """JSON has numbers that a float has not, and the validator reads floats only."""
    value = float(text)
    return value if math.isfinite(value) else math.copysign(sys.float_info.max, value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)
