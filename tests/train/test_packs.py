"""Packs hold every sample whole, and what samples share once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss.train.data.packs import Pack, Piece, packed
from gptoss.train.data.samples import Sample
from tests.levels import examples


def _sample(ids: list[int], row: int, turn: int) -> Sample:
    weights = np.arange(len(ids)) % 3
    return Sample(
        np.array(ids, np.int32),
        np.array(ids, np.uint8),
        weights.astype(np.float32),
        row,
        turn,
    )


def _whole(pack: Pack, piece: Piece) -> list[int]:
    """The places of a sample's tokens, which ends with a piece."""
    return [
        at for start, end in (*piece.context, (piece.start, piece.end)) for at in range(start, end)
    ]


def _learnt(samples: list[Sample]) -> list[tuple[tuple[int, ...], int, float]]:
    return sorted(
        (tuple(s.token_ids[:at].tolist()), int(s.token_ids[at]), float(s.weights[at]))
        for s in samples
        for at in range(1, len(s))
        if s.weights[at]
    )


@st.composite
def _samples(draw: st.DrawFn) -> list[Sample]:
    """Rows of some turns, each of which begins like the one before it."""
    samples = []
    token = st.integers(0, 3)
    for row in range(draw(st.integers(1, 4))):
        ids: list[int] = []
        for turn in range(draw(st.integers(1, 4))):
            ids = ids[: draw(st.integers(0, len(ids)))] + draw(
                st.lists(token, min_size=1, max_size=40)
            )
            samples.append(_sample(ids[:60], row, turn))
    return samples


@settings(max_examples=examples(300))
@given(_samples(), st.integers(60, 200), st.booleans())
def test_every_target_is_predicted_from_all_that_came_before_it(
    samples: list[Sample], length: int, shares: bool
) -> None:
    packs = packed(samples, length, shares=shares)
    found = []
    for pack in packs:
        assert len(pack) <= length
        assert [p.start for p in pack.pieces] == [0, *(p.end for p in pack.pieces[:-1])]
        assert pack.pieces[-1].end == len(pack)
        before = {}
        for piece in pack.pieces:
            whole = _whole(pack, piece)
            assert pack.positions[whole].tolist() == list(range(len(whole)))
            for index, at in enumerate(whole):
                before[at] = tuple(pack.token_ids[whole[: index + 1]].tolist())
        found += [
            (before[int(source)], int(target), float(weight))
            for source, target, weight in zip(pack.sources, pack.targets, pack.weights, strict=True)
        ]
    assert sorted(found) == _learnt(samples)


def test_turns_of_a_row_share_their_beginning() -> None:
    first = _sample(list(range(100)), 0, 0)
    second = _sample([*range(50), *range(200, 250)], 0, 1)
    third = _sample([*range(50), *range(200, 220), *range(30)], 0, 2)
    other = _sample(list(range(100)), 1, 0)
    (pack,) = packed([first, second, third, other], 300)
    assert [(p.end - p.start, p.context) for p in pack.pieces] == [
        (100, ()),
        (50, ((0, 50),)),
        (30, ((0, 50), (100, 120))),
        (100, ()),
    ]
    assert len(packed([first, second, third, other], 300, shares=False)) == 2


def test_packs_are_well_filled() -> None:
    rng = np.random.default_rng(1)
    samples = [_sample([1] * int(n), row, 0) for row, n in enumerate(rng.integers(20, 900, 400))]
    packs = packed(samples, 1024)
    assert sum(map(len, samples)) / (1024 * len(packs)) > 0.97
