"""Guesses of the next tokens: what they say, and how many are worth making."""

from __future__ import annotations

import pytest

from gptoss.engine.drafts import MAX_DRAFT, DraftLength, PromptLookup


def test_what_followed_before_is_proposed() -> None:
    lookup = PromptLookup()
    assert lookup.propose([1, 2, 3, 4, 5, 6, 7, 2, 3, 4], 3) == [5, 6, 7]
    assert lookup.propose([1, 2, 3, 4, 5, 6, 7, 2, 3, 4], 1) == [5]
    assert lookup.propose([1, 2, 3, 4, 5, 6, 7, 2, 3, 4], 0) == []


def test_never_more_than_there_is() -> None:
    assert PromptLookup().propose([1, 2, 3, 4, 1, 2, 3], MAX_DRAFT) == [4, 1, 2, 3]


@pytest.mark.parametrize(
    "ids", [[], [1], [1, 1], [1, 1, 1], [1, 2, 3], [1, 2, 3, 4], [2, 3, 9, 1, 2, 3]]
)
def test_nothing_is_proposed_where_nothing_like_it_stood(ids: list[int]) -> None:
    assert PromptLookup().propose(ids, MAX_DRAFT) == []


def test_the_last_place_counts() -> None:
    ids = [1, 2, 3, 50, 1, 2, 3, 60, 1, 2, 3]
    assert PromptLookup().propose(ids, 1) == [60]


def test_a_growing_sequence_is_looked_up_as_a_whole_one() -> None:
    ids = [(7 * n * n + n // 3) % 6 for n in range(200)]
    growing = PromptLookup()
    for end in range(0, len(ids), 3):
        assert growing.propose(ids[:end], 5) == PromptLookup().propose(ids[:end], 5)


def test_acceptance_follows_what_became_of_guesses() -> None:
    good, bad = PromptLookup(), PromptLookup()
    before = good.acceptance
    for _ in range(30):
        good.observe(4, 4)
        bad.observe(4, 0)
    assert bad.acceptance < 0.01 < before < 0.99 < good.acceptance
    for lookup in (good, bad):
        for _ in range(1000):
            lookup.observe(0, 0)
        assert lookup.acceptance == pytest.approx(before, abs=0.01)


def test_tokens_after_the_first_wrong_one_say_nothing() -> None:
    one, many = PromptLookup(), PromptLookup()
    one.observe(3, 2)
    many.observe(8, 2)
    assert one.acceptance == many.acceptance


def test_guessing_stops_when_guesses_are_wrong_and_is_tried_again() -> None:
    lengths, lookup = DraftLength(), PromptLookup()
    assert lengths.choose(1, lookup.acceptance) > 0
    for _ in range(10):
        lookup.observe(lengths.choose(1, lookup.acceptance), 0)
    assert lengths.choose(1, lookup.acceptance) == 0
    steps = 0
    while not lengths.choose(1, lookup.acceptance):
        lookup.observe(0, 0)
        steps += 1
        assert steps < 1000
    # Not at once, or it would not have stopped.
    assert steps > 10


def measured(seconds_by_size: dict[int, float]) -> DraftLength:
    lengths = DraftLength()
    for size, seconds in seconds_by_size.items():
        lengths.observe(size, seconds)
    return lengths


def test_as_many_as_pay_by_what_steps_have_cost() -> None:
    assert measured({1: 1.0, 9: 1.0}).choose(1, 0.9) == MAX_DRAFT
    assert measured({1: 1.0, 2: 2.0, 9: 9.0}).choose(1, 0.9) == 0
    # A second token is cheap, a third is not.
    assert measured({1: 1.0, 2: 1.1, 3: 3.0, 9: 9.0}).choose(1, 0.9) == 1


@pytest.mark.parametrize("unit", [2**-14, 64.0])
@pytest.mark.parametrize("sizes", [(1,), (4,), (1, 9), (4, 16), (16,)])
def test_the_unit_of_time_does_not_matter(unit: float, sizes: tuple[int, ...]) -> None:
    """Also where only steps of more tokens have been measured."""
    ones = measured({size: 1 + 0.3 * (size - 1) for size in sizes})
    units = measured({size: (1 + 0.3 * (size - 1)) * unit for size in sizes})
    for num_sequences in (1, 2, 4, 8):
        for acceptance in (0.0, 0.2, 0.6, 0.95):
            wanted = ones.choose(num_sequences, acceptance)
            assert units.choose(num_sequences, acceptance) == wanted
    assert units.choose(1, 0.0) == 0


def test_a_step_that_was_slow_once_is_forgotten() -> None:
    lengths = measured({1: 1.0, 9: 100.0})
    assert lengths.choose(1, 0.95) < MAX_DRAFT
    for _ in range(40):
        lengths.observe(9, 1.0)
    assert lengths.choose(1, 0.95) == MAX_DRAFT
