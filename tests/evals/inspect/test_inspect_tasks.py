"""Our suites as tasks of inspect-ai: the same questions, answers and grades as in `gptoss eval`, and what a log has."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="inspect-ai is not installed: make test-slow does that")

from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ContentReasoning, get_model
from inspect_ai.scorer import SampleScore, Score

from gptoss.evals.benchmarks import BENCHMARKS, BenchmarkOptions, open_benchmark
from gptoss.evals.catalogue import entries
from gptoss.evals.evaluation import evaluate
from gptoss.evals.generated.arithmetic import Arithmetic
from gptoss.evals.generated.catalog import GENERATED
from gptoss.evals.grade import Grade, Item
from gptoss.evals.inspect.registry import TASKS
from gptoss.evals.inspect.scoring import figures, grades, score_of
from gptoss.evals.inspect.suites import first_question
from gptoss.evals.statistics import mean_score
from gptoss.runtime import LoadedModel
from tests.evals.inspect.conftest import Provide, RunTask
from tests.evals.inspect.spoken import SPOKEN
from tests.evals.players import DATA
from tests.evals.step_targets import write_targets

pytestmark = [
    pytest.mark.slow,
    # Of tenacity, by which inspect-ai asks again.
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated"),
    # Streams that it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SAID = ("content", "reasoning", "calls", "finish_reason", "repairs")


def plays(log: EvalLog) -> dict[tuple[str, int], dict[str, Any]]:
    """What each sample keeps of its play, by its id and repeat."""
    return {
        (str(sample.id), sample.epoch - 1): sample.store["gptoss_play"]
        for sample in log.samples or ()
    }


def ours(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The plays of a run of ours."""
    lines = (folder / "samples.jsonl").read_text().splitlines()
    return {(play["sample"], play["repeat"]): play for play in map(json.loads, lines)}


def assert_same(log: EvalLog, folder: Path) -> None:
    """What was asked with which seed, what came back and how it was graded, sample by sample."""
    assert log.status == "success", log.error
    theirs, mine = plays(log), ours(folder)
    assert theirs.keys() == mine.keys()
    for key, play in theirs.items():
        assert play["items"] == mine[key]["items"]
        for made, wanted in zip(play["exchanges"], mine[key]["exchanges"], strict=True):
            assert made["seed"] == wanted["seed"]
            assert {name: made["answer"][name] for name in SAID} == {
                name: wanted["answer"][name] for name in SAID
            }


def figures_of(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    return {
        name: each.value for score in log.results.scores for name, each in score.metrics.items()
    }


def test_every_suite_is_a_task() -> None:
    assert set(TASKS) == {*BENCHMARKS, *GENERATED} == {entry.name for entry in entries()}


def test_the_same_accuracy_as_ours(
    nano_model: LoadedModel, provide: Provide, run_task: RunTask, tmp_path: Path
) -> None:
    mine = evaluate(
        nano_model,
        "arithmetic",
        tmp_path / "mine",
        size=64,
        limit=40,
        seed=3,
        reasoning="high",
        temperature=0.0,
    )
    log = run_task(
        "arithmetic",
        provide(nano_model),
        {"size": 64, "limit": 40, "seed": 3},
        temperature=0.0,
        reasoning_effort="high",
    )
    assert_same(log, tmp_path / "mine")
    score, found = mine.summary.score, figures_of(log)
    assert score is not None
    assert 0 < score.mean < 1
    assert found["score"] == pytest.approx(score.mean)
    assert (found["low"], found["high"]) == pytest.approx((score.low, score.high))
    assert (found["n"], found["clusters"], found["ungraded"]) == (40, 40, 0)
    assert found["stderr"] == pytest.approx(math.sqrt(score.mean * (1 - score.mean) / 39))
    assert log.results is not None
    assert log.results.headline is not None
    assert log.results.headline.metric == "score"


@pytest.mark.parametrize("name", GENERATED)
def test_each_suite_asks_and_grades_as_ours(
    name: str, nano_model: LoadedModel, provide: Provide, run_task: RunTask, tmp_path: Path
) -> None:
    """Sampled, in two repeats, with calls and schemas that inspect-ai's own types cannot hold."""
    options: dict[str, Any] = {"size": 4, "seed": 3, "repeats": 2}
    folder = tmp_path / "mine"
    evaluate(nano_model, name, folder, **options, temperature=0.7, reasoning="low", max_tokens=200)
    log = run_task(
        name,
        provide(nano_model),
        options,
        temperature=0.7,
        reasoning_effort="low",
        max_tokens=200,
    )
    assert_same(log, folder)
    for sample in log.samples or ():
        assert len(sample.messages) >= 2
        assert sample.messages[-1].role == "assistant"


@pytest.fixture
def benchmark_data(tmp_path: Path) -> Path:
    """Small files of our own, in the columns of the published ones."""
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    write_targets(folder / "scicode" / "test_data.h5")
    return folder


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_asks_and_grades_as_ours(
    name: str,
    nano_model: LoadedModel,
    provide: Provide,
    run_task: RunTask,
    tmp_path: Path,
    benchmark_data: Path,
) -> None:
    data = str(benchmark_data / {"gpqa-diamond": "gpqa"}.get(name, name.replace("-", "_")))
    options: dict[str, Any] = {"data": data, "limit": 4, "repeats": 1, "seed": 3}
    folder = tmp_path / "mine"
    evaluate(nano_model, name, folder, **options, reasoning="low", max_tokens=120)
    log = run_task(name, provide(nano_model), options, reasoning_effort="low", max_tokens=120)
    assert_same(log, folder)
    if name == "scicode":
        assert any(len(play["items"]) > 1 for play in plays(log).values())
        found = figures_of(log)
        assert found["n"] > found["clusters"]


def test_what_is_unknown_is_unscored_and_graded_again_by_another_judge(
    nano_model: LoadedModel, provide: Provide, run_task: RunTask, tmp_path: Path
) -> None:
    """The judge of the first run says neither yes nor no."""
    options = {"data": str(DATA / "hle"), "limit": 4, "judge": "spoken/model"}
    log = run_task("hle", provide(nano_model), options, reasoning_effort="low", max_tokens=120)
    assert log.status == "success", log.error
    assert log.results is not None
    judged = [each for each in log.samples or () if each.output.completion.strip()]
    assert judged
    for sample in judged:
        score = (sample.scores or {})["grades"]
        assert math.isnan(score.as_float())
        assert score.reason == "grader_failed"
        assert "ungraded (judge failed): the judge says neither yes nor no" in (
            score.explanation or ""
        )
    assert {each.unscored_samples for each in log.results.scores} == {len(judged)}

    before = {key: play["exchanges"] for key, play in plays(log).items()}
    again = inspect_score(log, grades(judge=""), action="overwrite", display="none")
    assert {key: play["exchanges"] for key, play in plays(again).items()} == before
    for sample in again.samples or ():
        assert not math.isnan((sample.scores or {})["grades"].as_float())


def test_a_newer_version_grades_the_same_answers(
    nano_model: LoadedModel,
    provide: Provide,
    run_task: RunTask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"size": 6, "seed": 0}
    log = run_task("arithmetic", provide(nano_model), options, temperature=0.0)
    scorer = grades()
    same = inspect_score(log, scorer, action="overwrite", display="none")
    assert figures_of(same) == figures_of(log)
    # A version whose grader finds nothing right; its samples have other ids, and are not those that were asked.
    monkeypatch.setattr(Arithmetic, "grade", lambda *_: Grade.of(False))
    assert figures_of(inspect_score(log, scorer, action="overwrite", display="none")) == (
        figures_of(log)
    )
    monkeypatch.setattr(
        "gptoss.evals.inspect.playing.graded_by", lambda suite: [suite.name, "a newer version"]
    )
    newer = inspect_score(log, scorer, action="overwrite", display="none")
    assert figures_of(newer)["score"] == 0


def test_a_log_opens_with_reasoning_and_grades(
    nano_model: LoadedModel, provide: Provide, run_task: RunTask
) -> None:
    log = run_task(
        "arithmetic", provide(nano_model), {"size": 8}, temperature=0.0, reasoning_effort="high"
    )
    read = read_eval_log(log.location)
    assert read.eval.task == "gptoss/arithmetic"
    assert read.eval.model == "gptoss/nano"
    assert (read.eval.metadata or {})["protocol"] == "gptoss-1"
    for sample in read.samples or ():
        message = sample.output.message
        assert any(isinstance(part, ContentReasoning) for part in message.content)
        assert sample.messages == [*sample.messages[:-1], message]
        assert sample.target
        score = (sample.scores or {})["grades"]
        (item,) = (score.metadata or {})["items"]
        assert item["outcome"] == (score.metadata or {})["outcome"]
        assert item["stage"]
        (event,) = [each for each in sample.events if each.event == "model"]
        assert event.call is not None
        assert "sampling" in event.call.request
        assert event.output.usage is not None


def test_other_models_of_inspect_ai_can_be_asked(run_task: RunTask) -> None:
    log = run_task("tools", get_model("spoken/model"), {"size": 3})
    assert log.status == "success", log.error
    for play in plays(log).values():
        (exchange,) = play["exchanges"]
        assert exchange["answer"]["content"] == SPOKEN
        assert exchange["answer"]["repairs"] is None
    assert figures_of(log)["score"] == 0


def test_steps_of_a_sample_are_one_cluster() -> None:
    def items(cluster: str, *given: Grade) -> list[Item]:
        return [
            Item(id=f"{cluster}.{number}", grade=grade, cluster=cluster)
            for number, grade in enumerate(given)
        ]

    unknown = Grade.unknown("the sandbox failed")
    rows = [
        items("1", Grade.of(True), Grade.of(False), Grade.of(True)),
        items("2", Grade.of(True), unknown),
        items("3", Grade.missing(is_cut_off=True)),
    ]
    scores = [score_of(each) for each in rows]
    assert [score.as_float() for score in scores] == pytest.approx([2 / 3, 1, 0])
    assert scores[2].reason == "cut off"
    found = figures()([SampleScore(score=score) for score in scores])
    wanted = mean_score([1, 0, 1, 1, 0], ["1", "1", "1", "2", "3"])
    assert found == {
        "score": wanted.mean,
        "low": wanted.low,
        "high": wanted.high,
        "n": 5,
        "clusters": 3,
        "ungraded": 1,
    }
    nothing: Score = score_of(items("4", unknown, unknown))
    assert math.isnan(nothing.as_float())
    assert nothing.reason == "scoring_failed"


def test_the_first_question_is_known_before_a_run() -> None:
    suite = open_benchmark("hle", BenchmarkOptions(data=(DATA / "hle",)))
    for sample in suite.samples():
        question = first_question(suite, sample)
        assert question is not None
        assert question.messages[0]["role"] == "system"
