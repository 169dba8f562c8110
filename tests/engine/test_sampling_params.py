"""What SamplingParams takes and refuses."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import pytest

from gptoss.engine import SamplingParams
from gptoss.engine.sampling_params import LogitBias, check_bias
from gptoss.errors import RequestError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("min_p", -0.5),
        ("min_p", math.nan),
        ("top_k", 2.5),
        ("top_k", None),
        ("seed", 1.0),
        ("seed", -1),
        ("seed", 2**64),
        ("frequency_penalty", 2.1),
        ("frequency_penalty", math.nan),
        ("presence_penalty", -2.1),
        ("presence_penalty", math.nan),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", 11),
        ("repetition_penalty", math.nan),
        ("logprobs", 21),
        ("logprobs", -1),
        ("logprobs", True),
        ("logit_bias", {5: 101}),
        ("logit_bias", {5: math.nan}),
        ("logit_bias", {5: "1"}),
        ("logit_bias", {-1: 0}),
        ("logit_bias", {"5": 1, 6: 1}),
    ],
)
def test_values_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"got {name} .*, wanted"):
        SamplingParams(**{name: value})


def test_values_at_the_ends_of_their_ranges() -> None:
    SamplingParams(
        frequency_penalty=-2,
        presence_penalty=2,
        repetition_penalty=10,
        logit_bias={0: -100, 7: 100.0},
        logprobs=20,
    )
    assert SamplingParams(logprobs=0).logprobs == 0


def test_params_can_be_hashed_compared_and_copied() -> None:
    bias = {7: -1.5, 3: 2}
    params = SamplingParams(logit_bias=bias)
    bias[9] = 100
    assert params.logit_bias == {3: 2, 7: -1.5}
    assert params == SamplingParams(logit_bias={3: 2, 7: -1.5})
    assert hash(params) == hash(SamplingParams(logit_bias={3: 2, 7: -1.5}))
    assert params != SamplingParams()
    assert replace(params, seed=1).logit_bias == params.logit_bias
    assert pickle.loads(pickle.dumps(params)) == params
    assert repr(params.logit_bias) == "LogitBias({3: 2, 7: -1.5})"
    with pytest.raises(TypeError):
        params.logit_bias[3] = 0  # type: ignore[index]


def test_bias_beyond_the_vocabulary() -> None:
    check_bias(SamplingParams(), 1)
    check_bias(SamplingParams(logit_bias=LogitBias({99: 1})), 100)
    with pytest.raises(RequestError, match="token 100, wanted token ids below the model's 100"):
        check_bias(SamplingParams(logit_bias={3: 1, 100: 1}), 100)


@pytest.mark.parametrize("name", ["seed", "temperature", "top_k", "logprobs"])
def test_numbers_of_any_length_are_refused_in_a_line(name: str) -> None:
    wrong: dict[str, Any] = {name: -(10**5000)}
    with pytest.raises(RequestError, match=f"got {name} a number of 16610 bits, wanted"):
        SamplingParams(**wrong)


def test_a_bias_for_a_number_of_any_length_is_refused_in_a_line() -> None:
    with pytest.raises(RequestError, match="got logit_bias for a number of 16610 bits"):
        SamplingParams(logit_bias={-(10**5000): 1.0})
