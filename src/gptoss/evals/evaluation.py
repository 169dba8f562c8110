"""One suite, asked of someone under settings: the run, and the report of what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from gptoss.errors import EvalError
from gptoss.evals.asker import Asker, Sampling
from gptoss.evals.catalogue import SuiteOptions, open_suite
from gptoss.evals.choice import chosen
from gptoss.evals.folder import RunFolder
from gptoss.evals.model_asker import ModelAsker
from gptoss.evals.report import Evaluated, RunFacts, summarise, written
from gptoss.evals.run import Run, RunSettings, Unwatched, Watcher
from gptoss.evals.suite import Sample, Suite
from gptoss.files.whole import whole_file
from gptoss.harmony import Effort
from gptoss.runtime.loaded_model import LoadedModel

# The highest temperature that the APIs take.
_HOTTEST = 2


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is asked of whom.

    limit, repeats, temperature, top_p, max_tokens
             in place of the protocol's; None: as that has it
    seed     of the samples' order and of the answers
    command  as it was typed, for the report
    """

    suite: Suite
    asker: Asker
    effort: str = "medium"
    limit: int | None = None
    repeats: int | None = None
    seed: int = 0
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Raise EvalError for a number by which nothing can be asked, MessageError for an unknown effort."""
        Effort.parse(self.effort)
        for name in ("repeats", "max_tokens"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise EvalError(f"got {name} {count}, wanted 1 or more")
        if self.temperature is not None and not 0 <= self.temperature <= _HOTTEST:
            raise EvalError(f"got the temperature {self.temperature:g}, wanted 0 to {_HOTTEST}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise EvalError(f"got top_p {self.top_p:g}, wanted more than 0 and at most 1")

    @cached_property
    def samples(self) -> list[Sample]:
        """Those that are asked, in their order. Raises EvalError for data that is none."""
        return chosen(self.suite.samples(), self.limit, self.seed)

    @cached_property
    def settings(self) -> RunSettings:
        """All that decides what is found."""
        card = self.suite.card
        sampling = Sampling(
            effort=self.effort,
            temperature=card.temperature if self.temperature is None else self.temperature,
            top_p=card.top_p if self.top_p is None else self.top_p,
            max_tokens=self.max_tokens or card.max_tokens,
            seed=self.seed,
        )
        repeats = self.repeats or card.repeats
        return RunSettings.of(self.suite, self.samples, self.asker, sampling, repeats)

    @property
    def num_plays(self) -> int:
        """Samples times repeats."""
        return len(self.samples) * self.settings.repeats

    def open(self, folder: RunFolder, watcher: Watcher) -> Run:
        """The run, to be played or gone on with."""
        return Run(self.suite, self.samples, self.asker, self.settings, folder, watcher)

    def evaluated(self, run: Run) -> Evaluated:
        """What was found up to now, with its report in the run's folder. Raises OSError."""
        facts = replace(self._facts, failures=dict(run.failures))
        found = Evaluated(facts, summarise(run.plays()))
        write_report(run.folder.path, [found])
        return found

    @cached_property
    def _facts(self) -> RunFacts:
        suite, settings = self.suite, self.settings
        return RunFacts(
            suite=suite.name,
            card=suite.card,
            sampling=settings.sampling,
            repeats=settings.repeats,
            asked=len(self.samples),
            samples=len(suite.samples()),
            identity=self.asker.identity,
            command=self.command,
            sources=suite.sources,
            skipped=suite.skipped,
        )


def evaluate(
    model: LoadedModel,
    suite: str | Suite,
    out: str | Path,
    *,
    reasoning: str = "medium",
    limit: int | None = None,
    repeats: int | None = None,
    size: int | None = None,
    seed: int = 0,
    data: str | Path | Sequence[str | Path] = (),
    protocol: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    watcher: Watcher | None = None,
) -> Evaluated:
    """Ask a suite of a model, and give what was found; answers, grades and report are in the folder `out`.

    suite     a name of `gptoss eval list`, or one of your own
    size      samples of a generated suite
    data      files and folders of a benchmark

    The same call goes on with a run that was ended. Raises EvalError for data, and a folder, of another run.
    """
    if isinstance(suite, str):
        paths = [data] if isinstance(data, str | Path) else list(data)
        options = SuiteOptions(
            data={suite: [Path(each).expanduser() for each in paths]},
            protocol=protocol,
            seed=seed,
            size=size,
            count_tokens=lambda text: len(model.tokenizer.encode(text)),
            context=model.context,
        )
        suite = open_suite(suite, options)
    evaluation = Evaluation(
        suite=suite,
        asker=ModelAsker(model),
        effort=reasoning,
        limit=limit,
        repeats=repeats,
        seed=seed,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    with RunFolder(Path(out).expanduser(), evaluation.settings.to_dict()) as folder:
        run = evaluation.open(folder, watcher or Unwatched())
        try:
            asyncio.run(run.play())
        finally:
            found = evaluation.evaluated(run)
        return found


def write_report(folder: Path, runs: Sequence[Evaluated]) -> None:
    """Write the report of runs into a folder. Raises OSError."""
    files: Mapping[str, bytes] = written(runs)
    for name, data in files.items():
        with whole_file(folder / name) as file:
            file.write(data)
