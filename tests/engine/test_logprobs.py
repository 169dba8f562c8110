"""Logprobs beside a log-softmax in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gptoss.engine.logprobs import TokenLogprobs, logprobs_of
from gptoss.errors import CheckpointError
from gptoss.kernels import Float32

NUMBERS = st.one_of(st.sampled_from([-np.inf, np.nan, 0, 1]), st.floats(-50, 50, width=32))


@given(arrays.arrays(np.float32, st.integers(1, 40), elements=NUMBERS), st.data())
def test_every_logprob_beside_the_plain_twin(logits: Float32, data: st.DataObject) -> None:
    token_id = data.draw(st.integers(0, len(logits) - 1))
    num_top = data.draw(st.integers(0, 20))
    given_logits = logits.copy()
    clean = np.nan_to_num(logits.astype(np.float64), nan=-np.inf, neginf=-np.inf)
    if clean.max() == -np.inf:
        with pytest.raises(CheckpointError, match="no finite value"):
            logprobs_of(logits, token_id, num_top)
        return
    exact = clean - clean.max() - math.log(np.exp(clean - clean.max()).sum())
    order = sorted(np.flatnonzero(exact > -np.inf).tolist(), key=lambda n: (-clean[n], n))
    found = logprobs_of(logits, token_id, num_top)
    assert found.token_id == token_id
    assert found.logprob == pytest.approx(exact[token_id], abs=1e-5)
    assert [n for n, _ in found.top] == order[:num_top]
    assert [p for _, p in found.top] == pytest.approx([exact[n] for n in order[:num_top]], abs=1e-5)
    np.testing.assert_array_equal(logits, given_logits)


def test_a_row_as_long_as_the_vocabulary() -> None:
    logits = np.random.default_rng(0).normal(0, 3, 201_088).astype(np.float32)
    wide = logits.astype(np.float64)
    exact = wide - math.log(np.exp(wide).sum())
    found = logprobs_of(logits, 17, 20)
    order = np.argsort(-exact, kind="stable")[:20]
    assert [n for n, _ in found.top] == order.tolist()
    assert [p for _, p in found.top] == pytest.approx(exact[order].tolist(), abs=1e-6)
    assert found.logprob == pytest.approx(exact[17], abs=1e-6)


def test_ties_go_to_the_lower_id() -> None:
    half = math.log(0.5)
    logits = np.array([-np.inf, 7, 7], np.float32)
    assert logprobs_of(logits, 2, 1) == TokenLogprobs(2, half, ((1, half),))
    assert logprobs_of(logits, 0, 5) == TokenLogprobs(0, -math.inf, ((1, half), (2, half)))
