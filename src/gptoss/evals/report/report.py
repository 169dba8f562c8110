"""The report of one run or several, as JSON, Markdown and a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gptoss.evals.report.blocks import Block, Curve, Document, Heading, Intervals, Paragraph, Row
from gptoss.evals.report.facts import RunFacts
from gptoss.evals.report.markdown import markdown
from gptoss.evals.report.markup import plain
from gptoss.evals.report.page import page
from gptoss.evals.report.published import published_json
from gptoss.evals.report.sections import sections, timings
from gptoss.evals.report.summary import Summary
from gptoss.evals.statistics import Estimate, Spread, detectable_between


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A run and its figures."""

    facts: RunFacts
    summary: Summary

    @property
    def name(self) -> str:
        """Suite, protocol and effort."""
        facts = self.facts
        return plain(f"{facts.suite}, {facts.card.name}, {facts.sampling.effort}")


def written(runs: Sequence[Evaluated]) -> dict[str, bytes]:
    """The files of a report by their names: equal for equal plays and facts, but for the timings at their ends."""
    return files_of("report", report_json(runs), report_document(runs))


def files_of(name: str, data: dict[str, object], document: Document) -> dict[str, bytes]:
    """Data and document as three files."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    return {
        # Halves of surrogates, which no UTF-8 has, go as JSON's escapes.
        f"{name}.json": f"{text}\n".encode(errors="backslashreplace"),
        f"{name}.md": markdown(document).encode(),
        f"{name}.html": page(document).encode(),
    }


def report_json(runs: Sequence[Evaluated]) -> dict[str, object]:
    """All that a report says, for programs."""
    return {
        "runs": [_run_json(run) for run in runs],
        "timings": [run.summary.timing.to_dict() for run in runs],
    }


def report_document(runs: Sequence[Evaluated]) -> Document:
    """What a report shows. One run's sections stand alone, those of several under its name each."""
    if len(runs) == 1:
        (run,) = runs
        card, sampling = run.facts.card, run.facts.sampling
        return Document(
            title=plain(run.facts.suite),
            subtitle=plain(
                f"protocol {card.name}, version {card.version}; effort {sampling.effort}; "
                f"{_named(run.facts.identity)}"
            ),
            blocks=[
                *sections(run.facts, run.summary),
                Heading("Timings"),
                *timings(run.summary),
            ],
        )
    return Document(
        title="Evaluation",
        subtitle=f"{len(runs)} runs",
        blocks=list(_several(runs)),
    )


def _named(identity: Mapping[str, object]) -> object:
    """The model as it is called here, or at its server."""
    return identity.get("model") or identity.get("server_model") or "unnamed model"


def _several(runs: Sequence[Evaluated]) -> Iterator[Block]:
    yield Heading("Scores")
    yield Intervals("suite, protocol, effort", [Row(run.name, run.summary.score) for run in runs])
    yield Paragraph("Suites and protocols differ; a score is to be held beside others of its own.")
    for suite, points in _efforts(runs).items():
        yield Heading(f"Effort against score: {suite}")
        yield Curve("effort", "reasoning tokens", points)
    for run in runs:
        yield Heading(run.name)
        yield from sections(run.facts, run.summary, level=3)
    yield Heading("Timings")
    for run in runs:
        yield Heading(run.name, 3)
        yield from timings(run.summary)


def _efforts(runs: Sequence[Evaluated]) -> dict[str, list[tuple[str, Spread, Estimate]]]:
    """Runs of one suite, protocol and version that were asked with several efforts, from low to high."""
    found: dict[str, dict[str, tuple[str, Spread, Estimate]]] = {}
    for run in runs:
        card = run.facts.card
        name = plain(f"{run.facts.suite}, {card.name}, version {card.version}")
        for effort, figures in run.summary.effort_tokens.items():
            if figures.score is not None:
                point = (plain(effort), figures.reasoning, figures.score)
                found.setdefault(name, {}).setdefault(effort, point)
    order = ("low", "medium", "high")
    return {
        name: [points[effort] for effort in order if effort in points]
        for name, points in found.items()
        if sum(effort in points for effort in order) > 1
    }


def _run_json(run: Evaluated) -> dict[str, object]:
    facts, score = run.facts, run.summary.score
    return {
        "facts": facts.to_dict(),
        "deviations": facts.deviations(),
        "published": published_json(facts, run.summary),
        "detectable": score and detectable_between(score.n, score.clusters).to_dict(),
        "figures": run.summary.to_dict(),
    }
