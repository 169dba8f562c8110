"""Two runs on the same items: differences, flips, what is counted apart, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gptoss.errors import EvalError
from gptoss.evals.grade import Grade, Item
from gptoss.evals.play import Exchange, Play
from gptoss.evals.question import Answer
from gptoss.evals.report import Comparison, Side, compare, compared_files
from tests.evals.made_plays import plays

SETTINGS: dict[str, object] = {
    "suite": "gpqa",
    "protocol": "aa-v3",
    "version": "2",
    "sampling": {"effort": "high", "temperature": 1.0, "seed": 7},
    "repeats": 1,
    "identity": {"model": "a", "weights": "1"},
    "samples": "60, abc",
    "sources": {"gpqa.csv": "41d1"},
    "judge": "",
}


def side(name: str, made: Sequence[Play], **changed: object) -> Side:
    return Side(name=name, settings=SETTINGS | changed, plays=made)


def scored(
    scores: dict[str, float | None], *, clusters: dict[str, str] | None = None
) -> list[Play]:
    """A play for each item; None: ungraded."""
    return [
        Play(
            sample=name,
            repeat=0,
            items=(
                Item(
                    id=name,
                    grade=Grade.unknown("?") if score is None else Grade.share(score),
                    cluster=(clusters or {}).get(name, name),
                    category={"half": "first" if name < "i20" else "second"},
                ),
            ),
            exchanges=(),
        )
        for name, score in scores.items()
    ]


def names(count: int) -> list[str]:
    return [f"i{number:02}" for number in range(count)]


def test_flips_are_listed_both_ways() -> None:
    before = dict.fromkeys(names(40), 0.0) | {"i03": 1.0, "i05": 1.0, "i06": 1.0}
    after = before | {"i05": 0.0} | dict.fromkeys(names(40)[20:32], 1.0)
    found = compare(side("a", scored(before)), side("b", scored(after)))
    assert [each.item for each in found.up] == names(40)[20:32]
    assert [(each.item, each.outcomes) for each in found.down] == [("i05", ("right", "wrong"))]
    assert (found.difference.up, found.difference.down) == (12, 1)
    assert found.difference.estimate.mean == pytest.approx(11 / 40)
    # McNemar's mid-p of 12 and 1: 2 * (1 + 13 / 2) / 2 ** 13.
    assert found.difference.p == pytest.approx(15 / 8192)
    assert found.difference.verdict == "excludes zero: B is better"
    assert found.scores[0].mean == pytest.approx(3 / 40)


def test_categories_are_corrected_for_their_number() -> None:
    before = dict.fromkeys(names(40), 0.0)
    after = before | dict.fromkeys(names(40)[20:30], 1.0) | {"i01": 1.0}
    found = compare(side("a", scored(before)), side("b", scored(after)))
    first, second = found.categories["half"]["first"], found.categories["half"]["second"]
    assert second.p == pytest.approx(2**-10)
    assert found.adjusted["half", "second"] == pytest.approx(2 * second.p)
    assert found.adjusted["half", "first"] == pytest.approx(first.p)


def test_what_only_one_has_or_nobody_graded_is_counted_apart() -> None:
    before: dict[str, float | None] = dict.fromkeys(names(20), 1.0) | {"x1": 1.0, "i07": None}
    after: dict[str, float | None] = dict.fromkeys(names(20), 1.0) | {
        "y1": 0.0,
        "y2": 0.0,
        "i08": None,
        "i09": None,
    }
    found = compare(side("a", scored(before)), side("b", scored(after)))
    assert found.only == (1, 2)
    assert found.ungraded == (1, 2)
    assert found.difference.estimate.n == 17
    assert found.difference.estimate.mean == 0.0


def test_repeats_are_one_item_and_steps_one_cluster() -> None:
    made = plays(50, 5)
    found = compare(side("a", made), side("b", plays(50, 3, seed=8), repeats=3))
    assert (found.difference.estimate.n, found.difference.estimate.clusters) == (50, 50)
    clusters = {name: name[:2] for name in names(40)}
    steps = [scored(dict.fromkeys(names(40), score), clusters=clusters) for score in (0.0, 1.0)]
    assert compare(side("a", steps[0]), side("b", steps[1])).difference.estimate.clusters == 4


def test_a_run_is_no_different_from_itself() -> None:
    found = compare(side("a", plays()), side("b", plays(slowness=4.0)))
    assert found.difference.estimate.mean == 0.0
    assert found.difference.p == 1.0
    assert "includes zero" in found.difference.verdict
    assert found.up == found.down == []
    assert found.tokens is not None
    assert (found.tokens.low, found.tokens.high) == (1.0, 1.0)
    assert found.settings == []


def test_order_of_parts_makes_no_flip() -> None:
    """0.1 + 0.2 + 0.3 is another float than 0.3 + 0.2 + 0.1."""

    def repeated(scores: Sequence[float]) -> list[Play]:
        return [
            replace(play, repeat=number)
            for number, score in enumerate(scores)
            for play in scored({"i1": score})
        ]

    found = compare(side("a", repeated((0.1, 0.2, 0.3))), side("b", repeated((0.3, 0.2, 0.1))))
    assert found.up == found.down == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"protocol": "official"}, "protocol is 'aa-v3' in A, 'official' in B"),
        ({"version": "3"}, "version is '2' in A, '3' in B"),
        ({"judge": "self"}, "judge is '' in A, 'self' in B"),
        ({"sources": {"gpqa.csv": "ffff"}}, "sources.gpqa.csv is '41d1' in A, 'ffff' in B"),
    ],
)
def test_other_rules_are_refused_or_said(changed: dict[str, object], said: str) -> None:
    with pytest.raises(EvalError, match="do not score the same thing") as error:
        compare(side("a", plays()), side("b", plays(), **changed))
    assert said in str(error.value)
    assert "--anyway" in str(error.value)
    found = compare(side("a", plays()), side("b", plays(), **changed), anyway=True)
    assert found.warnings == [said]
    for name, data in compared_files([found]).items():
        text = data.decode().replace("&#x27;", "'").replace("\\", "")
        assert said in text, name
        if not name.endswith("json"):
            assert "do not score the same thing" in text


def test_other_sampling_is_told_but_compared() -> None:
    other = side("b", plays(), sampling={"effort": "low", "temperature": 1.0, "seed": 7})
    found = compare(side("a", plays()), other)
    assert found.warnings == []
    assert found.settings == ["sampling.effort is 'high' in A, 'low' in B"]
    assert "effort is 'high' in A" in compared_files([found])["comparison.md"].decode()


def test_other_suites_and_other_samples_are_refused() -> None:
    with pytest.raises(EvalError, match="a run of 'gpqa' and b one of 'hle'"):
        compare(side("a", plays()), side("b", plays(), suite="hle"), anyway=True)
    with pytest.raises(EvalError, match="no graded item in common"):
        compare(side("a", scored({"x": 1.0})), side("b", scored({"y": 1.0})))
    with pytest.raises(EvalError, match="no graded item in common"):
        compare(side("a", scored({"x": 1.0})), side("b", scored({"x": None})))


def asking(text: str) -> list[Play]:
    question = {"messages": [{"role": "user", "content": text}]}
    exchange = Exchange(
        digest="d", effort="low", seed=0, answer=Answer(content=""), question=question
    )
    return [replace(play, exchanges=(exchange,)) for play in scored(dict.fromkeys(names(9), 1.0))]


def test_generated_samples_of_another_seed_are_other_samples() -> None:
    first = side("a", asking("2 + 2"), sources={})
    with pytest.raises(EvalError, match="first question is another in 9 of 9 samples"):
        compare(first, side("b", asking("3 + 3"), sources={}))
    assert compare(first, side("b", asking("2 + 2"), sources={})).warnings == []
    # Options of one question, shuffled by another seed, are the same item.
    assert compare(side("a", asking("A) x B) y")), side("b", asking("A) y B) x"))).warnings == []


def several() -> list[Comparison]:
    better = {name: float(number < 12) for number, name in enumerate(names(40))}
    pairs = (("one", better), ("two", dict.fromkeys(names(40), 0.0)))
    return [
        compare(
            side("a", scored(dict.fromkeys(names(40), 0.0)), suite=suite),
            side("b", scored(after), suite=suite),
        )
        for suite, after in pairs
    ]


def test_several_suites_are_corrected_together() -> None:
    found = compared_files(several())
    data = json.loads(found["comparison.json"])
    assert data["p_adjusted"] == [pytest.approx(2 * 2**-12, abs=1e-6), 1.0]
    text = found["comparison.md"].decode()
    assert "p is corrected for 2 comparisons" in text
    assert text.count("95 % interval:") == 2


def test_files_of_equal_runs_are_equal_whatever_time_they_took() -> None:
    quick = compare(side("a", plays()), side("b", plays(seed=9)))
    slow = compare(side("a", plays(slowness=3.0)), side("b", plays(seed=9, slowness=5.0)))
    assert compared_files([quick]) == compared_files([slow])


def test_hostile_names_are_text() -> None:
    attack = "<img src=x onerror=alert(1)>|\u202e\ud800"
    made = [
        replace(
            play,
            items=(
                replace(
                    play.items[0], id=play.sample + attack, category={attack: attack + play.sample}
                ),
            ),
        )
        for play in plays(8, 1)
    ]
    other = [replace(play, items=(replace(play.items[0], grade=Grade.of(False)),)) for play in made]
    found = compared_files([compare(side(attack, made), side(attack, other))])
    assert "<img" not in found["comparison.html"].decode()
    assert "<img" not in found["comparison.md"].decode().replace("\\<", "")
    assert json.loads(found["comparison.json"])["comparisons"][0]["names"] == [attack, attack]
