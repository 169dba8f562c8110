"""A suite as a task of inspect-ai."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.log import HeadlineMetric
from inspect_ai.model import GenerateConfig

from gptoss.evals.choice import chosen
from gptoss.evals.generated.generated_suite import GeneratedSuite
from gptoss.evals.inspect.mistakes import told
from gptoss.evals.inspect.playing import play
from gptoss.evals.inspect.questions import input_of
from gptoss.evals.inspect.scoring import grades
from gptoss.evals.inspect.suites import first_question, opened, paths
from gptoss.evals.suite import ProtocolCard, Sample, Suite


def register_task(name: str) -> Callable[..., Task]:
    """Make a suite known to inspect-ai as a task of its name."""

    def suite_task(
        data: str | list[str] | None = None,
        protocol: str | None = None,
        size: int | None = None,
        limit: int | None = None,
        repeats: int | None = None,
        seed: int = 0,
        judge: str | None = None,
        sandbox_python: str | None = None,
        grader: str = "subprocess",
    ) -> Task:
        """The suite, its arguments as those of `gptoss eval`; `judge`: `self`, or a model as inspect-ai names it."""
        options = {
            "data": paths(data),
            "protocol": protocol,
            "size": size,
            "seed": seed,
            "judge": judge,
            "sandbox_python": sandbox_python,
            "grader": grader,
        }
        with told():
            suite = opened(name, options)
            samples = chosen(suite.samples(), limit, seed)
            return _task(suite, samples, options, repeats)

    made: Callable[..., Task] = task(name=name)(suite_task)
    return made


def _task(
    suite: Suite, samples: list[Sample], options: dict[str, Any], repeats: int | None
) -> Task:
    card = suite.card
    return Task(
        dataset=MemoryDataset([_sample(suite, each) for each in samples], name=suite.name),
        solver=play(suite.name, options),
        scorer=grades(),
        epochs=Epochs(repeats or card.repeats, "mean"),
        # A run's own flags are heeded before these.
        config=GenerateConfig(
            reasoning_effort="medium",
            temperature=card.temperature,
            top_p=card.top_p,
            max_tokens=card.max_tokens,
        ),
        version=f"{card.name} {card.version}",
        metadata=_facts(suite, card, len(samples)),
        headline_metric=HeadlineMetric(metric="score"),
    )


def _facts(suite: Suite, card: ProtocolCard, num: int) -> dict[str, Any]:
    return {
        "protocol": card.name,
        "version": card.version,
        "prompt": card.prompt,
        "extraction": card.extraction,
        "scoring": card.scoring,
        "judge": card.judge,
        "differs": list(card.differs),
        "sources": {source.name: source.sha256 for source in suite.sources},
        "skipped": dict(suite.skipped),
        "samples": f"{num:,} of {len(suite.samples()):,}",
    }


def _sample(suite: Suite, sample: Sample) -> InspectSample:
    question = first_question(suite, sample)
    return InspectSample(
        id=sample.id,
        input=sample.id if question is None else input_of(question),
        target=_target(suite, sample),
        metadata=dict(sample.category),
    )


def _target(suite: Suite, sample: Sample) -> str:
    """Right answers of a generated sample; published benchmarks keep theirs to themselves."""
    if not isinstance(suite, GeneratedSuite):
        return ""
    said = (
        "\n".join([*(f"{call.name}({call.arguments})" for call in each.calls), each.content])
        for each in suite.reference(sample)
    )
    return "\n".join(said).strip()
