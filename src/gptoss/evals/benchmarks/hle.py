"""Humanity's Last Exam: short answers to 2,500 questions, which a judge compares with the right ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptoss.errors import EvalError, RequestError
from gptoss.evals.benchmarks.exact import exact_grade
from gptoss.evals.benchmarks.judge import judge_question, judged_grade
from gptoss.evals.benchmarks.options import (
    ARTIFICIAL_ANALYSIS,
    BenchmarkOptions,
    changed,
    chosen_card,
    held_to_data,
)
from gptoss.evals.data.cells import text_of
from gptoss.evals.data.table import Table, Wanted, find_files
from gptoss.evals.extraction.leaks import without_leaks
from gptoss.evals.grade import JUDGE_FAILED, Grade, Item
from gptoss.evals.question import Question
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source

NAME = "hle"
_WANTED = Wanted(
    what="Humanity's Last Exam",
    stem=r"test.*|hle.*",
    columns=("id", "question", "image", "answer", "answer_type", "category", "raw_subject"),
    id="id",
)
_SYSTEM = (
    "Your response should be in the following format:\n"
    "Explanation: {your explanation for your answer choice}\n"
    "Answer: {your chosen answer}\n"
    "Confidence: {your confidence score between 0% and 100% for your answer}"
)
_PROMPT = "the authors' system message, which asks for explanation, answer and confidence; the question alone"
_EXTRACTION = "the judge reads answer and confidence out of the whole text"
_SCORING = "the judge's yes or no, questions without an image alone; calibration error beside it"
_NOISE = (
    "a check of its 2,500 questions found 668 sound, corrected 1,143 and left 689 open: scores near 10 % are "
    "partly noise"
)
_IMAGES = "questions with an image are left out: the model reads none"
CARDS = (
    ProtocolCard(
        name="aa-v3",
        version="1",
        prompt=_PROMPT,
        extraction=_EXTRACTION,
        scoring=_SCORING,
        judge="gpt-4o-2024-08-06",
        differs=(
            "the figure is of 2,684 questions of an earlier revision; today's has 2,158 without an image",
            "the judge is asked as the authors do it; their own wording is not public",
            _NOISE,
        ),
        published={ARTIFICIAL_ANALYSIS: 0.098},
        tokens={"low": 800, "medium": 4000, "high": 16_000},
    ),
    ProtocolCard(
        name="official",
        version="1",
        prompt=_PROMPT,
        extraction=_EXTRACTION,
        scoring=_SCORING,
        judge="o3-mini",
        temperature=0.0,
        differs=(_IMAGES, _NOISE),
        tokens={"low": 800, "medium": 4000, "high": 16_000},
    ),
)
_COUNTS = {"aa-v3": (2158, 2684), "official": (2158,)}


class Hle:
    """The suite under one protocol and one judge."""

    name = NAME

    def __init__(self, options: BenchmarkOptions) -> None:
        card = chosen_card(NAME, CARDS, options)
        self._judge = options.judge
        self._skipped: Counter[str] = Counter()
        table = Table(_WANTED, find_files(options.data, _WANTED))
        self._samples = tuple(
            sample
            for name, row in table.rows()
            if (sample := self._sample(name, row.values or {})) is not None
        )
        self._skipped += table.skipped
        self._sources = tuple(table.sources)
        if not self._samples:
            raise EvalError("the data has no question without an image; bring the published file")
        card = held_to_data(
            card, "questions without an image", len(self._samples), *_COUNTS[card.name]
        )
        self._card = _judged_by(card, options)

    @property
    def card(self) -> ProtocolCard:
        """Its rules."""
        return self._card

    @property
    def sources(self) -> Sequence[Source]:
        """The files of its questions."""
        return self._sources

    @property
    def skipped(self) -> Mapping[str, int]:
        """Rows that are no questions, or show an image, by the reason."""
        return self._skipped

    def samples(self) -> Sequence[Sample]:
        """All questions without an image, in the order of the file."""
        return self._samples

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask it, and the judge about the answer."""
        answer = await ask(Question.of(str(sample.data["question"]), system=_SYSTEM))
        text = without_leaks(answer.content).strip()
        if not text:
            grade = Grade.missing(is_cut_off=answer.is_cut_off, reason="the answer is empty")
        elif self._judge is None:
            grade = exact_grade(
                text,
                str(sample.data["answer"]),
                is_choice=sample.category["kind"] == "multipleChoice",
                is_cut_off=answer.is_cut_off,
            )
        else:
            grade = await self._judged(self._judge, sample, text)
        return [Item(id=sample.id, grade=grade, cluster=sample.id, category=sample.category)]

    async def _judged(self, judge: Ask, sample: Sample, text: str) -> Grade:
        question, right = str(sample.data["question"]), str(sample.data["answer"])
        try:
            said = await judge(judge_question(question, text, right))
        except RequestError as error:
            # It is too long for this judge, such as one with a smaller context.
            return Grade.unknown(f"the judge cannot be asked: {error}", stage=JUDGE_FAILED)
        return judged_grade(said, right)

    def _sample(self, name: str, row: Mapping[str, Any]) -> Sample | None:
        if row["image"]:
            self._skipped["questions with an image"] += 1
            return None
        question, answer = text_of(row["question"]), text_of(row["answer"])
        if not question or not answer:
            self._skipped["questions without a text or an answer"] += 1
            return None
        category = {
            "category": text_of(row["category"]),
            "subject": text_of(row["raw_subject"]),
            "kind": text_of(row["answer_type"]),
        }
        return Sample(id=name, category=category, data={"question": question, "answer": answer})


def open_hle(options: BenchmarkOptions) -> Hle:
    """Humanity's Last Exam, with its data read. Raises EvalError."""
    return Hle(options)


def _judged_by(card: ProtocolCard, options: BenchmarkOptions) -> ProtocolCard:
    """The card with the judge that there is; no figure of another judge may stand beside it."""
    if options.judge is None:
        said = f"no judge: only the same text or number counts as right; the protocol's judge is {card.judge}"
        extraction = "the text after `Answer:`"
        return replace(changed(card, said), judge="", extraction=extraction, scoring="exact match")
    judge = options.judge_name or "unknown"
    if judge == card.judge:
        return card
    said = f"judged by {judge}, not {card.judge}: the same answers have scored 4.6 and 5.9 under two judges"
    return replace(changed(card, said), judge=judge)
