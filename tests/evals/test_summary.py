"""The figures of a run: what counts, what is counted apart, and that order and time change nothing."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from gptoss.evals.grade import Grade, Item, Outcome
from gptoss.evals.play import Play
from gptoss.evals.report import summarise
from gptoss.evals.report.summary import OTHERS
from tests.evals.made_plays import plays


def of_grades(*grades: Grade, sample: str = "s") -> Play:
    items = tuple(
        Item(id=f"{sample}.{place}", grade=each, cluster=sample)
        for place, each in enumerate(grades)
    )
    return Play(sample=sample, repeat=0, items=items, exchanges=())


def test_counts_are_those_of_the_items() -> None:
    made = plays(200, 3)
    found = summarise(made)
    outcomes = Counter(item.grade.outcome for play in made for item in play.items)
    assert (found.samples, found.plays, found.items) == (200, 600, 600)
    assert found.ungraded == outcomes[Outcome.UNGRADED] == 1
    assert list(found.outcomes) == [str(each) for each in Outcome]
    for outcome in Outcome:
        share = found.outcomes[str(outcome)]
        assert (share.mean, share.n) == (pytest.approx(outcomes[outcome] / 600), 600)
    assert found.score is not None
    assert found.score.mean == pytest.approx(outcomes[Outcome.RIGHT] / 599)
    assert (found.score.n, found.score.clusters) == (599, 200)
    subjects = found.categories["subject"]
    assert sum(group.cut_off.n for group in subjects.values()) == 600
    assert sum(group.ungraded for group in subjects.values()) == 1
    cut = sum(play.exchanges[0].answer.is_cut_off for play in made)
    assert found.cut_off is not None
    assert found.cut_off.mean == pytest.approx(cut / 600)
    assert found.finishes["length"].mean == pytest.approx(cut / 600)


def test_tokens_are_told_apart() -> None:
    made = plays(100, 1)
    found = summarise(made)
    usages = [play.exchanges[0].answer.usage for play in made]
    assert found.prompt_tokens == sum(each.prompt_tokens for each in usages)
    assert found.reasoning_tokens == sum(each.reasoning_tokens for each in usages)
    assert found.answer_tokens == 12 * 100
    rights = sum(play.items[0].grade.outcome is Outcome.RIGHT for play in made)
    assert found.tokens_per_right is not None
    assert found.tokens_per_right.mean == pytest.approx(
        sum(each.completion_tokens for each in usages) / rights
    )
    right = found.outcome_tokens["right"].reasoning
    assert right.median.n == rights
    assert right.lower < right.median.mean < right.upper
    assert found.outcome_tokens["cut off"].reasoning.median.mean == 32768


def test_efforts_are_told_apart_and_ordered() -> None:
    made = plays(20, effort="high") + plays(20, effort="low") + plays(20, effort="medium")
    made = [replace(play, sample=f"{play.sample}{place}") for place, play in enumerate(made)]
    found = summarise(made).effort_tokens
    assert list(found) == ["low", "medium", "high"]
    medians = [each.reasoning.median.mean for each in found.values()]
    assert medians == sorted(medians)


def test_order_changes_nothing() -> None:
    made = plays()
    shuffled = list(made)
    random.Random(1).shuffle(shuffled)
    assert summarise(shuffled) == summarise(made)


def test_time_changes_timing_alone() -> None:
    quick, slow = summarise(plays(), wall_s=10), summarise(plays(slowness=3.0), wall_s=99)
    assert quick.timing != slow.timing
    assert quick.to_dict() == slow.to_dict()
    assert replace(quick, timing=slow.timing) == slow


def test_ungraded_items_are_no_wrong_ones() -> None:
    known = [of_grades(Grade.of(True), sample=f"a{place}") for place in range(9)]
    unknown = [of_grades(Grade.unknown("no judge"), sample=f"b{place}") for place in range(9)]
    found = summarise(known + unknown)
    assert found.score is not None
    assert (found.score.mean, found.score.n) == (1.0, 9)
    assert found.outcomes["ungraded"].mean == 0.5
    nothing = summarise(unknown)
    assert nothing.score is None
    assert nothing.outcomes["ungraded"].mean == 1.0


def test_steps_of_a_problem_are_one_cluster() -> None:
    made = [of_grades(*[Grade.of(place % 3 > 0)] * 4, sample=f"p{place:02}") for place in range(30)]
    found = summarise(made)
    assert found.score is not None
    assert (found.score.n, found.score.clusters) == (120, 30)


def test_a_play_of_several_items_is_right_where_all_are() -> None:
    right, wrong, unknown = Grade.of(True), Grade.of(False), Grade.unknown("?")
    for grades, outcome in (
        ((right, right), "right"),
        ((right, wrong), "partial"),
        ((wrong, wrong), "wrong"),
        ((right, unknown), "ungraded"),
    ):
        play = replace(of_grades(*grades), exchanges=plays(1, 1)[0].exchanges)
        assert list(summarise([play]).outcome_tokens) == [outcome]


def test_no_plays_have_no_figures() -> None:
    found = summarise([])
    assert found.score is None
    assert found.outcomes == {}
    assert found.timing.seconds is None


def test_a_server_that_ends_each_answer_otherwise() -> None:
    made = []
    for place, play in enumerate(plays(100, 1)):
        answer = replace(play.exchanges[0].answer, finish_reason=f"reason {place}")
        made.append(replace(play, exchanges=(replace(play.exchanges[0], answer=answer),)))
    finishes = summarise(made).finishes
    assert len(finishes) == 13
    assert finishes[OTHERS].mean == pytest.approx(0.88)
