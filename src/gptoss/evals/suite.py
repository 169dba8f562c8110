"""A suite: samples, the questions that each asks, and the grades of the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gptoss.evals.grade import Item
from gptoss.evals.question import Answer, Question

# Asks the model, or gives what it answered before: in the order of one sample's questions, each once.
Ask = Callable[[Question], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolCard:
    """The rules of a suite by their name, which decide what a figure may be compared with.

    name         such as `aa-v3` or `official`
    version      of our reading of it; grows when a grade could change
    prompt, extraction, scoring, judge
                 a line each for the report; judge empty: programs grade
    repeats      how often each sample is asked
    temperature, top_p, max_tokens
                 of the run, unless the user says otherwise, which the report then says; max_tokens None: what the
                 context holds
    differs      where it is known to differ from what it is named after, and what is known to be wrong in its data
    published    figures that it may be compared with, by their source: {"Artificial Analysis, gpt-oss-20b high": 0.748}
    chance       the score of a random answerer; None: about 0
    tokens       of an answer by effort, roughly, for the time that a run will take
    """

    name: str
    version: str
    prompt: str
    extraction: str
    scoring: str
    judge: str = ""
    repeats: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    differs: Sequence[str] = ()
    published: Mapping[str, float] = field(default_factory=dict)
    chance: float | None = None
    tokens: Mapping[str, int] = field(
        default_factory=lambda: {"low": 500, "medium": 2000, "high": 8000}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that samples came from.

    known  whether its hash is that of the published file; None: no hash of that file is known
    """

    name: str
    sha256: str
    rows: int
    known: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is asked, once for each repeat.

    id        within its suite, the same in every run of the same data
    category  by which a report groups and a limited run is spread
    data      what the suite's own code asks and grades by
    """

    id: str
    category: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)


class Suite(Protocol):
    """A benchmark, or generated samples, under one protocol. It holds no state of a run."""

    @property
    def name(self) -> str:
        """As the command line calls it."""

    @property
    def card(self) -> ProtocolCard:
        """Its rules."""

    @property
    def sources(self) -> Sequence[Source]:
        """The files that its samples came from; none for generated ones."""

    @property
    def skipped(self) -> Mapping[str, int]:
        """Rows of the files that are no samples, counted by the reason."""

    def samples(self) -> Sequence[Sample]:
        """All of them, in their order. Raises EvalError for data that cannot be read as this suite's."""

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask what the sample asks, one question after the other, and grade it.

        The same answers give the same items, whenever and however often: a run that goes on, and one that is graded
        again, gives old answers. What fails for other reasons than the answer is graded as unknown.
        """
