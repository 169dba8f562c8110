"""What all suites without data have in common: a ceiling, a floor, and samples that are the same every time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest

from gptoss.errors import EvalError, RequestError, SandboxError
from gptoss.evals.generated.catalog import GENERATED
from gptoss.evals.generated.effort import ORDER
from gptoss.evals.generated.generated_suite import GeneratedSuite
from gptoss.evals.generated.options import GeneratedOptions
from gptoss.evals.grade import Item, Outcome
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample
from gptoss.tools.sandbox import choose_rung
from tests.evals.answering import NAIVE, items_by, play, right_items, score
from tests.evals.record_generated import DIGESTS, digest_of

# Of the long ones: what is longer only takes longer.
CONTEXT = 7000
# Whoever answers the same each time is deterministic; who keeps to the form keeps to it.
NO_FLOOR = ("determinism", "harmony")
# What a program gives that does nothing, or nothing much.
IDLE_PROGRAMS = (
    "def solve(values):\n    return values",
    "def solve(values):\n    return 0",
    "def solve(values):\n    return sum(values)",
    "def solve(values):\n    return sorted(values)",
)


def _opened(name: str, size: int | None, seed: int = 0) -> GeneratedSuite:
    return GENERATED[name](GeneratedOptions(seed=seed, size=size, context=CONTEXT))


@pytest.fixture(params=list(GENERATED))
def suite(request: pytest.FixtureRequest) -> GeneratedSuite:
    return _opened(request.param, 48)


def _require_sandbox(suite: GeneratedSuite) -> None:
    if suite.name == "code":
        try:
            choose_rung()
        except SandboxError as error:
            pytest.skip(str(error))


def test_right_answers_score_all(suite: GeneratedSuite) -> None:
    _require_sandbox(suite)
    samples = suite.samples()[:16] if suite.name == "code" else suite.samples()
    items = right_items(suite, samples)
    assert all(item.grade.outcome is Outcome.RIGHT for item in items), items
    assert score(items) == 1.0


def test_right_answers_are_wrong_elsewhere(suite: GeneratedSuite) -> None:
    if suite.name in NO_FLOOR:
        pytest.skip("its right answers fit everywhere")
    _require_sandbox(suite)
    samples = suite.samples()[:16]
    items = []
    for sample, other in zip(samples, [*samples[1:], samples[0]], strict=True):
        answers = itertools.chain(suite.reference(other), itertools.repeat(Answer(content="")))
        items += items_by(suite, [sample], lambda *_, answers=answers: next(answers))
    assert score(_answers_of(items)) <= 0.1


@pytest.mark.parametrize("name", [name for name in GENERATED if name not in (*NO_FLOOR, "code")])
def test_who_knows_nothing_scores_hardly_anything(name: str) -> None:
    suite = _opened(name, 120)
    for strategy, answerer in NAIVE.items():
        items = _answers_of(items_by(suite, suite.samples(), answerer))
        assert score(items) <= 0.1, strategy
        assert not any(item.grade.outcome is Outcome.UNGRADED for item in items), strategy


def _answers_of(items: Sequence[Item]) -> list[Item]:
    """Without those that are about tokens, which a naive answer may get right."""
    return [item for item in items if item.category.get("effort") != ORDER]


def test_samples_are_those_that_were_recorded(suite: GeneratedSuite) -> None:
    recorded = json.loads(DIGESTS.read_text(encoding="utf-8"))
    assert recorded.keys() == GENERATED.keys()
    # If this fails on purpose: raise the suite's version and run `python -m tests.evals.record_generated`.
    assert digest_of(suite.name) == recorded[suite.name]


def test_no_two_samples_are_the_same(suite: GeneratedSuite) -> None:
    samples = _opened(suite.name, 700).samples()
    data = [json.dumps(sample.data, sort_keys=True) for sample in samples]
    assert len(set(data)) == len(data)
    assert len({sample.id for sample in samples}) == len(samples)


def test_a_sample_does_not_depend_on_how_many_there_are(suite: GeneratedSuite) -> None:
    more = {sample.id: sample for sample in _opened(suite.name, 90).samples()}
    for sample in suite.samples():
        assert more[sample.id] == sample


def test_seeds_have_no_sample_in_common(suite: GeneratedSuite) -> None:
    others = _opened(suite.name, 48, seed=1).samples()
    assert not {sample.id for sample in others} & {sample.id for sample in suite.samples()}
    data = [json.dumps(sample.data, sort_keys=True) for sample in suite.samples()]
    assert not set(data) & {json.dumps(sample.data, sort_keys=True) for sample in others}


def test_samples_are_values_of_json(suite: GeneratedSuite) -> None:
    _require_sandbox(suite)
    for sample in suite.samples()[:12]:
        read = json.loads(json.dumps([sample.category, sample.data]))
        again = Sample(id=sample.id, category=read[0], data=read[1])
        assert suite.reference(again) == suite.reference(sample)
        items = play(suite, again, suite.reference(sample))
        assert items == play(suite, sample, suite.reference(sample))


def test_a_usual_run_has_every_difficulty_several_times(suite: GeneratedSuite) -> None:
    samples = GENERATED[suite.name]().samples()
    assert len(samples) == suite.usual
    counted: dict[tuple[str, str], int] = {}
    for sample in samples:
        for kind in sample.category.items():
            counted[kind] = counted.get(kind, 0) + 1
    assert min(counted.values()) >= 2
    assert {name for name, _ in counted}


def test_its_card_says_what_it_was_made_of(suite: GeneratedSuite) -> None:
    card = suite.card
    assert (card.name, card.version) == ("gptoss-1", str(suite.version))
    assert "seed 0, 48 samples" in card.prompt
    assert card.extraction
    assert card.scoring
    assert set(card.tokens) == {"low", "medium", "high"}
    assert not suite.sources


def test_the_order_of_efforts_is_not_right_by_itself() -> None:
    suite = _opened("effort", 60)
    for strategy in ("one", "prose"):
        items = items_by(suite, suite.samples(), NAIVE[strategy])
        orders = [item for item in items if item.category["effort"] == ORDER]
        assert score(orders) == 0.0


@pytest.mark.parametrize("program", IDLE_PROGRAMS)
def test_idle_programs_pass_no_tests(program: str) -> None:
    suite = _opened("code", 40)
    _require_sandbox(suite)
    for sample in suite.samples():
        data = sample.data
        namespace: dict = {}
        exec(program, namespace)
        results = []
        for values, right in data["tests"]:
            try:
                results.append(namespace["solve"](values) == right)
            except TypeError:
                results.append(False)
        assert not all(results)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": -1}, "got -1 as seed, wanted 0 or more"),
        ({"size": 0}, "got 0 as size, wanted 1 sample or more"),
    ],
)
def test_options_out_of_range(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(EvalError, match=said):
        GeneratedOptions(**wrong)


@pytest.mark.parametrize("wrong", [{"seed": "1"}, {"size": 1.5}, {"seed": True}])
def test_options_of_other_types(wrong: dict[str, object]) -> None:
    with pytest.raises(RequestError, match="wanted"):
        GeneratedOptions(**wrong)
