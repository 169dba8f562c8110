"""MMLU-Pro: 12,032 questions of fourteen subjects with three to ten choices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gptoss.errors import EvalError, listed
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
    changed,
    chosen_card,
    held_to_data,
)
from gptoss.evals.data.cells import text_of
from gptoss.evals.data.table import Table, Wanted, find_files
from gptoss.evals.extraction.choices import Stage
from gptoss.evals.extraction.published import by_artificial_analysis, by_mmlu_pro
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Answer, Question
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source

NAME = "mmlu-pro"
_PUBLISHED_ROWS = 12_032
_NUM_EXAMPLES = 5
_COLUMNS = ("question_id", "question", "options", "answer", "answer_index", "category")
_WANTED = Wanted(what="MMLU-Pro", stem=r"test.*|mmlu.?pro.*", columns=_COLUMNS, id="question_id")
_WANTED_EXAMPLES = Wanted(
    what="MMLU-Pro's worked examples",
    stem=r"validation.*",
    columns=(*_COLUMNS, "cot_content"),
    id="question_id",
)
CARDS = (
    ProtocolCard(
        name="aa-v3",
        version="1",
        prompt="one user message that asks for a last line `Answer: X`, A to J; choices as `A) ...`",
        extraction="by stages, the line `Answer: X` first; the last mention counts",
        scoring="the right letter",
        differs=(FALLBACKS,),
        published={ARTIFICIAL_ANALYSIS: 0.748},
    ),
    ProtocolCard(
        name="official",
        version="1",
        prompt="five worked examples of the subject from the validation file, and `The answer is (X)` asked for",
        extraction="by stages, `answer is (X)` first; the last mention counts",
        scoring="the right letter; where none is found, a guess drawn from the seed counts, as in the original",
        temperature=0.0,
        differs=(
            "the released script reads the first match, and takes any lone letter in the end; where it reads another "
            "letter, the sample's details have it",
            "the released script ends answers after 4,000 tokens, which cuts off models that reason",
        ),
    ),
)


class MmluPro:
    """The suite under one protocol."""

    name = NAME

    def __init__(self, options: BenchmarkOptions) -> None:
        self._seed = options.seed
        card = chosen_card(NAME, CARDS, options)
        self._skipped: Counter[str] = Counter()
        self._sources: list[Source] = []
        self._samples = self._read(_WANTED, options)
        card = held_to_data(card, "questions", len(self._samples), _PUBLISHED_ROWS)
        self._examples: Mapping[str, Sequence[Sample]] = {}
        if card.name == "official":
            self._examples = self._read_examples(options)
            card = self._held_to_examples(card)
        choices = [len(_choices(each)) for each in self._samples]
        self._card = replace(card, chance=sum(1 / count for count in choices) / len(choices))

    @property
    def card(self) -> ProtocolCard:
        """Its rules."""
        return self._card

    @property
    def sources(self) -> Sequence[Source]:
        """The files of its questions, and of its worked examples where they are used."""
        return self._sources

    @property
    def skipped(self) -> Mapping[str, int]:
        """Rows that are no questions, by the reason."""
        return self._skipped

    def samples(self) -> Sequence[Sample]:
        """All questions, in the order of the file."""
        return self._samples

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask it, and read the letter."""
        is_official = self._card.name == "official"
        choices = _choices(sample)
        answer = await ask(Question.of(self._message(sample)))
        grade = graded_choice(
            answer,
            letters=LETTERS[: len(choices)],
            right=str(sample.data["right"]),
            first=(Stage.ANSWER_IS,) if is_official else (Stage.ANSWER_LINE,),
            published=by_mmlu_pro if is_official else by_artificial_analysis,
        )
        if is_official and grade.found is None:
            grade = self._guessed(sample, repeat, answer, grade)
        return [Item(id=sample.id, grade=grade, cluster=sample.id, category=sample.category)]

    def _guessed(self, sample: Sample, repeat: int, answer: Answer, grade: Grade) -> Grade:
        """The grade with the score of a guess; its outcome stays what it is, so that guesses can be counted."""
        letters = LETTERS[: len(_choices(sample))]
        guess = drawn(self._seed, sample.id, repeat, "guess").choice(letters)
        return replace(
            grade,
            score=float(guess == sample.data["right"]),
            stage="guess",
            details={**grade.details, "guess": guess},
        )

    def _message(self, sample: Sample) -> str:
        if self._card.name != "official":
            return asked_for_letter(str(sample.data["question"]), _choices(sample), LETTERS)
        subject = sample.category["subject"]
        examples = "".join(
            _worked(each, str(each.data["worked"])) for each in self._examples.get(subject, ())
        )
        own = _worked(sample, "Let's think step by step.")
        return (
            f"The following are multiple choice questions (with answers) about {subject}. Think step by step and then "
            f'output the answer in the format of "The answer is (X)" at the end.\n\n{examples}{own}'
        )

    def _read(self, wanted: Wanted, options: BenchmarkOptions) -> tuple[Sample, ...]:
        paths = find_files(options.data, wanted, is_named=wanted is _WANTED_EXAMPLES)
        table = Table(wanted, paths)
        found = tuple(
            sample
            for name, row in table.rows()
            if (sample := self._sample(name, row.values or {})) is not None
        )
        self._skipped += table.skipped
        self._sources += table.sources
        if not found:
            raise EvalError(
                f"{listed(map(str, table.paths))} has no question of {wanted.what} with its answer"
            )
        return found

    def _read_examples(self, options: BenchmarkOptions) -> Mapping[str, Sequence[Sample]]:
        found: defaultdict[str, list[Sample]] = defaultdict(list)
        for each in self._read(_WANTED_EXAMPLES, options):
            if len(found[each.category["subject"]]) < _NUM_EXAMPLES:
                found[each.category["subject"]].append(each)
        return found

    def _held_to_examples(self, card: ProtocolCard) -> ProtocolCard:
        subjects = {each.category["subject"] for each in self._samples}
        few = sorted(each for each in subjects if len(self._examples.get(each, ())) < _NUM_EXAMPLES)
        if not few:
            return card
        return changed(card, f"fewer than {_NUM_EXAMPLES} worked examples of {listed(few)}")

    def _sample(self, name: str, row: Mapping[str, Any]) -> Sample | None:
        options = row["options"]
        if not _are_texts(options) or not text_of(row["question"]):
            self._skipped["questions without a text or a list of choices"] += 1
            return None
        choices = [str(each) for each in options if each != "N/A"]
        if not 2 <= len(choices) <= len(LETTERS):
            self._skipped["questions with fewer than two or more than ten choices"] += 1
            return None
        right = text_of(row["answer"])
        is_inside = len(right) == 1 and right in LETTERS[: len(choices)]
        if not is_inside or row["answer_index"] != LETTERS.index(right):
            self._skipped["questions whose answer is none of their choices"] += 1
            return None
        worked = text_of(row.get("cot_content")).removeprefix("A: ")
        data = {
            "question": str(row["question"]),
            "choices": choices,
            "right": right,
            "worked": worked,
        }
        return Sample(id=name, category={"subject": text_of(row["category"])}, data=data)


def open_mmlu_pro(options: BenchmarkOptions) -> MmluPro:
    """MMLU-Pro, with its data read. Raises EvalError."""
    return MmluPro(options)


def _are_texts(options: object) -> bool:
    return isinstance(options, list) and all(
        isinstance(each, str) or text_of(each) for each in options
    )


def _choices(sample: Sample) -> list[str]:
    return sample.data["choices"]  # type: ignore[return-value]


def _worked(sample: Sample, worked: str) -> str:
    lines = lines_of(_choices(sample), "{}.")
    return f"Question: {sample.data['question']}\nOptions: {lines}\nAnswer: {worked}\n\n"
