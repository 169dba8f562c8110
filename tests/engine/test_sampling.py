"""One token from logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gptoss.engine import SamplingParams
from gptoss.engine.sampling import sample
from gptoss.errors import CheckpointError, RequestError
from gptoss.kernels import Float32

LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))


def counts(params: SamplingParams, logits: Float32 = LOGITS, draws: int = 4000) -> list[float]:
    """How often each id is drawn."""
    ids = [sample(logits.copy(), params, seed=7, position=n) for n in range(draws)]
    return list(np.bincount(ids, minlength=len(logits)) / draws)


def test_defaults_draw_from_the_softmax() -> None:
    # Four standard deviations of a share near one half over 4000 draws.
    assert counts(SamplingParams()) == pytest.approx([0.1, 0.4, 0.2, 0.3], abs=0.032)


def test_temperature_sharpens() -> None:
    squared = np.array([0.1, 0.4, 0.2, 0.3]) ** 2
    expected = squared / squared.sum()
    assert counts(SamplingParams(temperature=0.5)) == pytest.approx(list(expected), abs=0.032)


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        (SamplingParams(temperature=0), {1}),
        (SamplingParams(temperature=1e-6), {1}),
        (SamplingParams(top_k=1), {1}),
        (SamplingParams(top_k=2), {1, 3}),
        (SamplingParams(top_k=99), {0, 1, 2, 3}),
        (SamplingParams(top_p=0.39), {1}),
        (SamplingParams(top_p=0.41), {1, 3}),
        (SamplingParams(top_p=0.71), {1, 2, 3}),
        (SamplingParams(min_p=0.6), {1, 3}),
        (SamplingParams(min_p=1.0), {1}),
        (SamplingParams(top_k=3, min_p=0.6), {1, 3}),
        (SamplingParams(temperature=100, top_p=0.26), {1, 3}),
    ],
)
def test_filters(params: SamplingParams, kept: set[int]) -> None:
    assert {n for n, share in enumerate(counts(params, draws=300)) if share} == kept


def test_ties_go_to_the_lower_id() -> None:
    flat = np.zeros(5, np.float32)
    assert sample(flat, SamplingParams(temperature=0), seed=1, position=1) == 0
    assert {n for n, share in enumerate(counts(SamplingParams(top_k=2), flat, 200)) if share} == {
        0,
        1,
    }


def test_the_draw_depends_on_seed_and_position_alone() -> None:
    wide = np.zeros(1000, np.float32)

    def draw(seed: int, position: int) -> int:
        return sample(wide, SamplingParams(), seed=seed, position=position)

    assert draw(1, 5) == draw(1, 5)
    assert len({draw(1, position) for position in range(20)}) > 10
    assert len({draw(seed, 5) for seed in range(20)}) > 10
    assert draw(2**64 - 1, 5) < 1000


@given(
    arrays.arrays(np.float32, st.integers(1, 30), elements=st.floats(width=32)),
    st.builds(
        SamplingParams,
        temperature=st.floats(0, 100),
        top_k=st.integers(0, 40),
        top_p=st.floats(0, 1, exclude_min=True),
        min_p=st.floats(0, 1),
    ),
    st.integers(0, 2**64 - 1),
)
def test_never_chooses_what_is_impossible(
    logits: Float32, params: SamplingParams, seed: int
) -> None:
    given_logits = logits.copy()
    try:
        chosen = sample(logits, params, seed=seed, position=3)
    except CheckpointError:
        finite = given_logits[~np.isnan(given_logits)]
        assert not finite.size or not np.isfinite(finite.max())
    else:
        assert np.isfinite(given_logits[chosen])


def test_nothing_to_choose_from() -> None:
    with pytest.raises(CheckpointError, match="no finite value"):
        sample(np.full(3, -np.inf, np.float32), SamplingParams(), seed=0, position=0)


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
        ("seed", 1.0),
        ("seed", -1),
        ("seed", 2**64),
    ],
)
def test_values_out_of_range(name: str, value: float) -> None:
    with pytest.raises(RequestError, match=f"got {name} .*, wanted"):
        SamplingParams(**{name: value})  # type: ignore[arg-type]
