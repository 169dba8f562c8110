"""Plays a suite's samples against whoever answers: each question once, whatever ends the run and however often."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

from gptoss.batch.at_once import for_each
from gptoss.errors import AnswerError, EngineError, EvalError, GptossError
from gptoss.evals.asker import Asker, Sampling
from gptoss.evals.folder import RunFolder
from gptoss.evals.grade import Item
from gptoss.evals.play import Exchange, Play, key_of
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Sample, Suite

# So many samples in a row that nobody could answer: it is not the samples.
_MOST_FAILURES = 20
_SEEDS = 2**31


class Watcher(Protocol):
    """Hears of a run while it goes on."""

    def answered(self, answer: Answer) -> None:
        """A question was answered now."""

    def played(self, items: Sequence[Item]) -> None:
        """A sample was played to its end, now or before."""

    def failed(self, sample: str, reason: str) -> None:
        """A sample could not be played to its end; the same run asks it again when it is gone on with."""


class Unwatched:
    """Watches nothing."""

    def answered(self, answer: Answer) -> None:
        """Let it be."""

    def played(self, items: Sequence[Item]) -> None:
        """Let it be."""

    def failed(self, sample: str, reason: str) -> None:
        """Let it be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """All that decides what a run finds, but for the samples themselves."""

    suite: str
    protocol: str
    version: str
    sampling: Sampling
    repeats: int
    identity: Mapping[str, object]
    samples: str
    sources: Mapping[str, str]
    judge: str = ""

    @classmethod
    def of(
        cls,
        suite: Suite,
        samples: Sequence[Sample],
        asker: Asker,
        sampling: Sampling,
        repeats: int,
    ) -> RunSettings:
        """Those of a suite's samples, asked of someone."""
        ids = "\n".join(sample.id for sample in samples)
        return cls(
            suite=suite.name,
            protocol=suite.card.name,
            version=suite.card.version,
            sampling=sampling,
            repeats=repeats,
            identity=asker.identity,
            samples=f"{len(samples)}, {hashlib.sha256(ids.encode(errors='surrogatepass')).hexdigest()[:16]}",
            sources={source.name: source.sha256 for source in suite.sources},
            judge=suite.card.judge,
        )

    def to_dict(self) -> dict[str, object]:
        """The settings as a run's folder keeps them."""
        # As they come back from JSON, so that they may be compared.
        kept: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return kept


@dataclass(slots=True)
class Run:
    """A run over a folder.

    failures  samples that could not be played to their end this time, by their key, with the reason
    """

    suite: Suite
    samples: Sequence[Sample]
    asker: Asker
    settings: RunSettings
    folder: RunFolder
    watcher: Watcher
    failures: dict[str, str] = field(default_factory=dict)
    _in_a_row: int = 0

    async def play(self) -> None:
        """Play what was not played, and write the samples file, also where it is ended before.

        Raises EvalError where nobody answers any more, or where a question is another than it was.
        """
        places = self.asker.at_once
        # Whoever is being graded, or waits for a judge, takes no place of one that is asked.
        at_once = places + (os.cpu_count() or 1)
        asking = asyncio.Semaphore(places)

        async def play(job: tuple[Sample, int]) -> None:
            await self._play(*job, asking)

        try:
            await for_each(self._jobs(), play, at_once=at_once)
        finally:
            self.folder.write_samples(self.plays())

    def plays(self) -> Iterator[Play]:
        """Those that were played up to now, by the ids of their samples."""
        ids = sorted(sample.id for sample in self.samples)
        return self.folder.plays(ids, self.settings.repeats)

    def num_left(self) -> int:
        """Plays that are still to be made."""
        return sum(1 for _ in self._left())

    def _left(self) -> Iterator[tuple[Sample, int]]:
        for repeat in range(self.settings.repeats):
            for sample in self.samples:
                if self.folder.items(key_of(sample.id, repeat)) is None:
                    yield sample, repeat

    def _jobs(self) -> Iterator[tuple[Sample, int]]:
        """The plays that are left; of those that were made, the watcher hears at once."""
        for repeat in range(self.settings.repeats):
            for sample in self.samples:
                items = self.folder.items(key_of(sample.id, repeat))
                if items is None:
                    yield sample, repeat
                else:
                    self.watcher.played(items)

    async def _play(self, sample: Sample, repeat: int, asking: asyncio.Semaphore) -> None:
        key = key_of(sample.id, repeat)
        ask = _Asking(self, key, asking)
        try:
            items = await self.suite.play(sample, repeat, ask)
        except EvalError:
            raise
        except GptossError as error:
            self._fail(sample, key, error)
            return
        self.folder.keep_items(key, items)
        self._in_a_row = 0
        self.watcher.played(items)

    def _fail(self, sample: Sample, key: str, error: GptossError) -> None:
        """Count it apart: nothing is known of an answer that nobody gave."""
        self.failures[key] = str(error)
        self._in_a_row += isinstance(error, AnswerError | EngineError)
        self.watcher.failed(sample.id, str(error))
        if self._in_a_row >= _MOST_FAILURES:
            raise EvalError(
                f"{self._in_a_row} samples in a row were not answered, the last one because {error}. What was answered "
                "is kept; put that right, and go on with the same command"
            ) from None


@dataclass(slots=True)
class _Asking:
    """Asks one play's questions in their order, or gives what was answered before."""

    run: Run
    key: str
    places: asyncio.Semaphore
    step: int = 0

    async def __call__(self, question: Question) -> Answer:
        key, folder = f"{self.key}#{self.step}", self.run.folder
        self.step += 1
        sampling = self.run.settings.sampling
        settled = sampling.settled(question)
        digest = settled.digest()
        kept = folder.exchange(key)
        if kept is not None:
            if kept.digest != digest:
                raise EvalError(
                    f"the question of {key} was another when this run began, so its answer is none to this one; "
                    "begin anew in another folder"
                )
            return kept.answer
        seed = seed_of(sampling.seed, key)
        async with self.places:
            answer = await self.run.asker.ask(settled, seed)
        kept = Exchange(
            digest=digest,
            effort=settled.effort or sampling.effort,
            seed=seed,
            answer=answer,
            question=settled.to_dict(),
        )
        folder.keep_exchange(key, kept)
        self.run.watcher.answered(answer)
        return answer


def seed_of(seed: int, key: str) -> int:
    """The seed of one question, made of the run's and of the question's key; below 2 ** 31, as all servers take it."""
    digest = hashlib.sha256(f"{seed}/{key}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % _SEEDS
