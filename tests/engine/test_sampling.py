"""One token from logits."""

from __future__ import annotations

from itertools import chain, repeat

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gptoss.engine import SamplingParams
from gptoss.engine.sampling import draw, sample
from gptoss.engine.selection import largest
from gptoss.errors import CheckpointError
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


def test_filters_leave_the_ratios_of_what_they_keep() -> None:
    # The less likely of the three is often drawn first and then refused.
    assert counts(SamplingParams(top_p=0.6)) == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.032)
    expected = [0, 4 / 9, 2 / 9, 3 / 9]
    assert counts(SamplingParams(top_p=0.85)) == pytest.approx(expected, abs=0.032)
    assert counts(SamplingParams(min_p=0.45)) == pytest.approx(expected, abs=0.032)


def kept(logits: Float32, params: SamplingParams) -> tuple[list[bool], list[bool]]:
    """The plain twin: everything sorted, in float64. Which ids are kept, and which float32 may decide otherwise."""
    values = logits.astype(np.float64)
    order = np.lexsort((np.arange(len(values)), -values))[: params.top_k or None]
    likely = np.exp((values[order] - values.max()) / params.temperature)
    before = (np.cumsum(likely) - likely) / likely.sum()
    is_kept, is_unsure = np.zeros((2, len(values)), bool)
    is_kept[order] = (before < params.top_p) & (likely >= params.min_p)
    is_unsure[order] = (abs(before - params.top_p) < 1e-5) | (abs(likely - params.min_p) < 1e-5)
    return is_kept.tolist(), is_unsure.tolist()


def can_draw(logits: Float32, params: SamplingParams, token_id: int) -> bool:
    """Whether the number that stands for this id, were there no top_p, gives the id."""
    ids = largest(logits, params.top_k or len(logits))
    if token_id not in ids:
        return False
    likely = np.exp((logits[ids].astype(np.float64) - logits.max()) / params.temperature)
    likely[likely < params.min_p] = 0
    index = int(np.searchsorted(ids, token_id))
    middle = (np.cumsum(likely)[index] - likely[index] / 2) / likely.sum()
    numbers = chain([middle], repeat(0.5))
    return bool(ids[draw(logits[ids], logits.max(), params, lambda: next(numbers))] == token_id)


# So few different logits that many are equal, and none so unlikely that float32 may pass over it.
LOGITS_WITH_TIES = arrays.arrays(
    np.float32, st.integers(1, 30), elements=st.integers(-6, 6).map(lambda n: n / 2)
)


@given(
    LOGITS_WITH_TIES,
    st.builds(
        SamplingParams,
        temperature=st.floats(1, 100),
        top_k=st.integers(0, 40),
        top_p=st.floats(0, 1, exclude_min=True),
        min_p=st.floats(0, 1),
    ),
)
def test_keeps_what_the_plain_twin_keeps(logits: Float32, params: SamplingParams) -> None:
    is_kept, is_unsure = kept(logits, params)
    assume(not any(is_unsure))
    assert [can_draw(logits, params, n) for n in range(len(logits))] == is_kept


@pytest.mark.parametrize("scale", [0.5, 2])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.95])
def test_keeps_what_the_plain_twin_keeps_of_a_vocabulary(scale: float, top_p: float) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, scale, 20_011).astype(np.float32).round(2)
    params = SamplingParams(top_p=top_p)
    is_kept, is_unsure = kept(logits, params)
    likely = rng.choice(len(logits), 100, p=np.exp(logits) / np.exp(logits).sum())
    for token_id in likely.tolist():
        assert is_unsure[token_id] or can_draw(logits, params, token_id) == is_kept[token_id]


@given(
    arrays.arrays(np.float32, st.integers(1, 3000), elements=st.sampled_from([-np.inf, -90, 0, 1])),
    st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 1 - 2**-53])),
)
def test_any_number_gives_an_id_that_is_possible(logits: Float32, number: float) -> None:
    assume(np.isfinite(logits.max()))
    index = draw(logits, logits.max(), SamplingParams(), lambda: number)
    assert np.isfinite(logits[index])
    reached = np.cumsum(np.exp(logits.astype(np.float64) - logits.max()))
    before = reached[index - 1] if index else 0
    assert before / reached[-1] - 1e-6 <= number <= reached[index] / reached[-1] + 1e-6


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
