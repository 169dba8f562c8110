"""GPQA Diamond: 198 questions of biology, physics and chemistry with four answers each, in an order that is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.benchmarks.multiple_choice import (
    FALLBACKS,
    LETTERS,
    asked_for_letter,
    drawn,
    graded_choice,
    lines_of,
)
from gptoss.evals.benchmarks.options import (
    ARTIFICIAL_ANALYSIS,
    BenchmarkOptions,
    chosen_card,
    held_to_data,
)
from gptoss.evals.data.cells import text_of
from gptoss.evals.data.table import Table, Wanted, find_files
from gptoss.evals.extraction.choices import Stage
from gptoss.evals.extraction.published import by_artificial_analysis
from gptoss.evals.grade import Item
from gptoss.evals.question import Question
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source

NAME = "gpqa-diamond"
_PUBLISHED_ROWS = 198
_RIGHT = "Correct Answer"
_ANSWERS = (_RIGHT, "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
_WANTED = Wanted(
    what="GPQA Diamond",
    stem=r"gpqa_diamond.*|.*diamond.*",
    columns=("Question", *_ANSWERS, "Record ID", "High-level domain", "Subdomain"),
    id="Record ID",
    hashes=frozenset({"41d1213cd7a4998605a26c2798500652572007161b3a92817ba46b35befcd305"}),
)
_NOISE = "some of its questions are disputed by experts: a share of wrong answers is the data's"
_SHUFFLED = (
    "choices are put into an order drawn anew for each repeat from seed, question and repeat"
)
CARDS = (
    ProtocolCard(
        name="aa-v3",
        version="1",
        prompt="one user message that asks for a last line `Answer: X`; choices as `A) ...`",
        extraction="by stages, the line `Answer: X` first; the last mention counts",
        scoring="the right letter; the mean over five repeats",
        repeats=5,
        differs=(FALLBACKS, "the order of choices is drawn by our seed, not theirs", _NOISE),
        published={ARTIFICIAL_ANALYSIS: 0.688},
        chance=0.25,
    ),
    ProtocolCard(
        name="openai",
        version="1",
        prompt="question, choices as `(A) ...`, and the request for one of 'A', 'B', 'C', 'D'",
        extraction="by stages; the last mention counts",
        scoring="the right letter; the mean over eight repeats",
        repeats=8,
        differs=(
            "the released extractor takes the first match of looser patterns, and took the text's first "
            "letter in its first version where none matched",
            _SHUFFLED,
            _NOISE,
        ),
        published={"PyTorch team, OpenAI's script, gpt-oss-20b high": 0.735},
        chance=0.25,
    ),
    ProtocolCard(
        name="official",
        version="1",
        prompt="the authors' zero-shot message, which asks for `The correct answer is (X)`",
        extraction="by stages, `answer is (X)` first; the last mention counts",
        scoring="the right letter",
        temperature=0.0,
        differs=(_SHUFFLED, _NOISE),
        chance=0.25,
    ),
)


class Gpqa:
    """The suite under one protocol."""

    name = NAME

    def __init__(self, options: BenchmarkOptions) -> None:
        self._seed = options.seed
        card = chosen_card(NAME, CARDS, options)
        table = Table(_WANTED, find_files(options.data, _WANTED))
        self._skipped: Counter[str] = Counter()
        self._samples = tuple(
            sample
            for name, row in table.rows()
            if (sample := self._sample(name, row.values or {})) is not None
        )
        self._skipped += table.skipped
        self._sources = tuple(table.sources)
        self._card = held_to_data(card, "questions", len(self._samples), _PUBLISHED_ROWS)

    @property
    def card(self) -> ProtocolCard:
        """Its rules."""
        return self._card

    @property
    def sources(self) -> Sequence[Source]:
        """The file of its questions."""
        return self._sources

    @property
    def skipped(self) -> Mapping[str, int]:
        """Rows that are no questions, by the reason."""
        return self._skipped

    def samples(self) -> Sequence[Sample]:
        """All questions, in the order of the file."""
        return self._samples

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask it, with the choices in the order of this repeat."""
        answers = [str(each) for each in sample.data["answers"]]  # type: ignore[attr-defined]
        order = drawn(self._seed, sample.id, repeat, "order").sample(range(4), 4)
        choices = [answers[index] for index in order]
        text = _message(self._card.name, str(sample.data["question"]), choices)
        grade = graded_choice(
            await ask(Question.of(text)),
            letters=LETTERS[:4],
            right=LETTERS[order.index(0)],
            first=(Stage.ANSWER_IS,) if self._card.name == "official" else (Stage.ANSWER_LINE,),
            published=by_artificial_analysis if self._card.name == "aa-v3" else None,
        )
        return [Item(id=sample.id, grade=grade, cluster=sample.id, category=sample.category)]

    def _sample(self, name: str, row: Mapping[str, Any]) -> Sample | None:
        question = text_of(row["Question"])
        answers = [text_of(row[column]) for column in _ANSWERS]
        if not question or not all(answers):
            self._skipped["questions without a text or an answer"] += 1
            return None
        if len(set(answers)) < len(answers):
            self._skipped["questions with the same answer twice"] += 1
            return None
        category = {
            "domain": text_of(row["High-level domain"]),
            "subdomain": text_of(row["Subdomain"]),
        }
        return Sample(id=name, category=category, data={"question": question, "answers": answers})


def open_gpqa(options: BenchmarkOptions) -> Gpqa:
    """GPQA Diamond, with its data read. Raises EvalError."""
    return Gpqa(options)


def _message(protocol: str, question: str, choices: Sequence[str]) -> str:
    if protocol == "openai":
        said = "Express your final answer as the corresponding option 'A', 'B', 'C', or 'D'."
        return f"{question}\n\n{lines_of(choices, '({})')}\n\n{said}"
    if protocol == "official":
        said = 'Format your response as follows: "The correct answer is (insert answer here)"'
        return (
            f"What is the correct answer to this question: {question}\n\nChoices:\n"
            f"{lines_of(choices, '({})')}\n\n{said}"
        )
    return asked_for_letter(question, choices, LETTERS[:4])
