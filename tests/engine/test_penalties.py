"""Bias and penalties, beside their formulas written out for each token."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptoss.engine import SamplingParams
from gptoss.engine.penalties import TokenCounts, adjust
from gptoss.kernels import Float32

VOCAB_SIZE = 12
IDS = st.integers(0, VOCAB_SIZE - 1)


def adjusted(
    logits: Float32, params: SamplingParams, prompt: list[int], answer: list[int]
) -> list[float]:
    """The plain twin."""
    values = []
    for token_id, logit in enumerate(logits.tolist()):
        value = logit + params.logit_bias.get(token_id, 0)
        if token_id in prompt or token_id in answer:
            penalty = params.repetition_penalty
            value = value / penalty if value > 0 else value * penalty
        count = answer.count(token_id)
        value -= count * params.frequency_penalty + (count > 0) * params.presence_penalty
        values.append(value)
    return values


@given(
    st.lists(st.floats(-50, 50, width=32), min_size=VOCAB_SIZE, max_size=VOCAB_SIZE),
    st.builds(
        SamplingParams,
        frequency_penalty=st.one_of(st.just(0), st.floats(-2, 2)),
        presence_penalty=st.one_of(st.just(0), st.floats(-2, 2)),
        repetition_penalty=st.one_of(st.just(1), st.floats(0.1, 10)),
        logit_bias=st.dictionaries(IDS, st.floats(-100, 100)),
    ),
    st.lists(IDS),
    st.lists(IDS),
)
def test_every_token_beside_the_formula(
    row: list[float], params: SamplingParams, prompt: list[int], answer: list[int]
) -> None:
    logits = np.array(row, np.float32)
    wanted = adjusted(logits, params, prompt, answer)
    counts = TokenCounts(params, prompt)
    for token_id in answer:
        counts.add(token_id)
    adjust(logits, params, counts)
    # Float32's rounding of a sum of up to 150, ten times as large after the largest penalty.
    assert logits.tolist() == pytest.approx(wanted, rel=1e-6, abs=2e-4)


def test_nothing_is_changed_or_counted_unless_asked_for() -> None:
    counts = TokenCounts(SamplingParams(), [1, 2])
    counts.add(3)
    logits = np.array([1, np.nan, -np.inf, 4], np.float32)
    before = logits.copy()
    adjust(logits, SamplingParams(), counts)
    np.testing.assert_array_equal(logits, before)
    assert not len(counts.ids)


def test_the_prompt_counts_for_repetition_alone() -> None:
    params = SamplingParams(frequency_penalty=1)
    assert TokenCounts(params, [1, 2]).ids.tolist() == []
    params = SamplingParams(frequency_penalty=1, repetition_penalty=2)
    counts = TokenCounts(params, np.array([2, 1, 2]))
    counts.add(2)
    counts.add(9)
    assert counts.ids.tolist() == [1, 2, 9]
    assert counts.generated.tolist() == [0, 1, 1]


def test_many_tokens() -> None:
    ids = np.random.default_rng(0).integers(0, 1000, 3000)
    counts = TokenCounts(SamplingParams(presence_penalty=1), [])
    for token_id in ids.tolist():
        counts.add(token_id)
    expected = np.bincount(ids, minlength=1000)
    order = np.argsort(counts.ids)
    assert counts.ids[order].tolist() == np.flatnonzero(expected).tolist()
    assert counts.generated[order].tolist() == expected[expected > 0].tolist()


def test_what_is_forbidden_stays_forbidden() -> None:
    params = SamplingParams(
        frequency_penalty=-2, presence_penalty=-2, repetition_penalty=0.1, logit_bias={0: 100}
    )
    counts = TokenCounts(params, [0])
    counts.add(0)
    logits = np.array([-np.inf, 3e38], np.float32)
    counts.add(1)
    adjust(logits, params, counts)
    assert logits[0] == -np.inf
