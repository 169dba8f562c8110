"""LiveCodeBench: contest problems by their dates, solved by programs that hidden tests judge."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from gptoss.errors import EvalError, SandboxError, shown
from gptoss.evals.benchmarks.options import (
    ARTIFICIAL_ANALYSIS,
    BenchmarkOptions,
    changed,
    chosen_card,
    held_to_data,
)
from gptoss.evals.code.programs import Grader, ProgramTester
from gptoss.evals.code.running import tested
from gptoss.evals.code.verdict import Case
from gptoss.evals.data.cells import text_of
from gptoss.evals.data.packed import unpacked
from gptoss.evals.data.table import Table, Wanted, find_files
from gptoss.evals.extraction.fenced import last_block
from gptoss.evals.extraction.leaks import without_leaks
from gptoss.evals.grade import Grade, Item
from gptoss.evals.question import Question
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source
from gptoss.files.rows import Place, Row
from gptoss.tools.sandbox import choose_rung

NAME = "livecodebench"
_TESTS = ("public_test_cases", "private_test_cases")
_WANTED = Wanted(
    what="LiveCodeBench (code_generation_lite)",
    stem=r"test\d*|livecodebench.*",
    columns=(
        *("question_id", "question_content", "contest_date", "starter_code", "difficulty"),
        *("platform", "metadata", *_TESTS),
    ),
    id="question_id",
)
# Of the releases v1 to v6, all dates.
_RELEASES = (400, 511, 612, 713, 880, 1055)
_SYSTEM = (
    "You are an expert Python programmer. You will be given a question (problem specification) and will generate a "
    "correct Python program that matches the specification and passes all tests. You will NOT return anything except "
    "for the program."
)
_STARTER = (
    "You will use the following starter code to write the solution to the problem and enclose your code within "
    "delimiters."
)
_STDIN = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample "
    "inputs). Enclose your code within delimiters as follows."
)
_SCORING = "all public and private tests of a problem, each within 6 s of the processor's time"
_EXTRACTION = "what stands between the last two fences of the answer; none where there are fewer"
_AA = ProtocolCard(
    name="aa-v3",
    version="1",
    prompt="one user message: problem, form of the program (starter code or standard input), heading of the answer",
    extraction=_EXTRACTION,
    scoring=f"{_SCORING}; problems of 1 July to 31 December 2024, the mean over three repeats",
    repeats=3,
    published={ARTIFICIAL_ANALYSIS: 0.777},
    tokens={"low": 1500, "medium": 5000, "high": 14_000},
)
CARDS = (
    _AA,
    replace(
        _AA,
        name="official",
        prompt="a system message that asks for nothing but a program, and the same user message",
        scoring=f"{_SCORING}; all problems, the mean over ten repeats (pass@1)",
        repeats=10,
        temperature=0.2,
        top_p=0.95,
        differs=(
            "the released script ends answers after 2,000 tokens, which cuts off models that reason",
        ),
        published={},
    ),
)
# After all dates.
_EVER = "9999"
_DATES = {"aa-v3": ("2024-07-01", "2024-12-31"), "official": ("", _EVER)}
_COUNTS = {"aa-v3": (315,), "official": _RELEASES}
_SUBPROCESS = (
    "programs run as processes with a real input; the original runs them as the body of a function, which fails some "
    "programs that work (`grader=official` does the same)"
)


class LiveCodeBench:
    """The suite under one protocol and one grader."""

    name = NAME

    def __init__(self, options: BenchmarkOptions) -> None:
        card = chosen_card(NAME, CARDS, options)
        try:
            grader = Grader(options.grader)
        except ValueError:
            wanted = " or ".join(Grader)
            raise EvalError(f"got the grader {shown(options.grader)}, wanted {wanted}") from None
        limit = 6.0 if options.time_limit_s is None else options.time_limit_s
        self._tester = ProgramTester(rung=choose_rung(), grader=grader, time_limit_s=limit)
        since, until = _DATES[card.name]
        self._dates = (_date(options.since or since), _date(options.until or until))
        if self._dates[0] > self._dates[1]:
            raise EvalError(
                f"got problems from {self._dates[0]} to {self._dates[1]}, wanted a day that is not after the other"
            )
        self._skipped: Counter[str] = Counter()
        table = Table(_WANTED, find_files(options.data, _WANTED))
        self._samples = tuple(
            sample for name, row in table.rows() if (sample := self._sample(name, row)) is not None
        )
        self._skipped += table.skipped
        self._sources = tuple(table.sources)
        if not self._samples:
            raise EvalError(
                f"the data has no problem {self._told_dates()}; name other dates or files"
            )
        self._card = self._stated(card, options)

    @property
    def card(self) -> ProtocolCard:
        """Its rules."""
        return self._card

    @property
    def sources(self) -> Sequence[Source]:
        """The files of its problems."""
        return self._sources

    @property
    def skipped(self) -> Mapping[str, int]:
        """Rows that are no problems, or of other dates, by the reason."""
        return self._skipped

    def samples(self) -> Sequence[Sample]:
        """All problems of the dates, in the order of the files."""
        return self._samples

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask for a program, and test it."""
        system = _SYSTEM if self._card.name == "official" else None
        answer = await ask(Question.of(_message(sample), system=system))
        code = last_block(without_leaks(answer.content))
        if code.strip():
            grade = await self._tested(sample, code)
        else:
            grade = Grade.missing(
                is_cut_off=answer.is_cut_off, reason="it has no program in fences"
            )
        return [Item(id=sample.id, grade=grade, cluster=sample.id, category=sample.category)]

    async def _tested(self, sample: Sample, code: str) -> Grade:
        try:
            cases = _cases(sample)
        except ValueError as error:
            return Grade.unknown(f"its tests cannot be read: {error}")
        try:
            judged = await tested(partial(self._tester.judged, code, cases))
        except SandboxError as error:
            return Grade.unknown(f"the sandbox failed: {error}")
        return judged.grade(code)

    def _stated(self, card: ProtocolCard, options: BenchmarkOptions) -> ProtocolCard:
        """The card, with what is not as its name promises."""
        card = held_to_data(card, "problems of its dates", len(self._samples), *_COUNTS[card.name])
        if self._tester.grader is Grader.SUBPROCESS:
            card = replace(card, differs=(*card.differs, _SUBPROCESS))
        if options.time_limit_s is not None:
            card = changed(card, f"tests have {options.time_limit_s:g} s, not 6 s")
        if options.since or options.until:
            card = changed(card, f"problems {self._told_dates()}")
        return replace(card, scoring=f"{card.scoring}; grader `{self._tester.grader}`")

    def _told_dates(self) -> str:
        since, until = self._dates
        until = "the last one" if until == _EVER else until
        return f"from {since or 'the first one'} to {until}"

    def _sample(self, name: str, row: Row) -> Sample | None:
        values = row.values or {}
        try:
            day = _date(str(values["contest_date"])[:10])
            metadata = values["metadata"] or {}
            facts = json.loads(metadata) if isinstance(metadata, str) else metadata
            function = facts.get("func_name")
        except (EvalError, ValueError, AttributeError, RecursionError):
            self._skipped["problems whose date or metadata cannot be read"] += 1
            return None
        if not self._dates[0] <= day <= self._dates[1]:
            self._skipped["problems of other dates"] += 1
            return None
        starter = values["starter_code"] or ""
        if not text_of(values["question_content"]) or not isinstance(starter, str):
            self._skipped["problems without a text"] += 1
            return None
        if function is not None and not isinstance(function, str):
            self._skipped["problems whose function has no name"] += 1
            return None
        data: dict[str, object] = {
            "text": str(values["question_content"]),
            "starter": starter,
            "function": function,
            # The tests of all problems take gigabytes: those of one are read again when it is graded.
            "tests": row.place or {name: values[name] for name in _TESTS},
        }
        category = {
            "difficulty": text_of(values["difficulty"]),
            "platform": text_of(values["platform"]),
            "form": "function" if function else "standard input",
        }
        return Sample(id=name, category=category, data=data)


def open_livecodebench(options: BenchmarkOptions) -> LiveCodeBench:
    """LiveCodeBench, with its data read and its sandbox tried. Raises EvalError or SandboxError."""
    return LiveCodeBench(options)


def _date(text: str) -> str:
    """A date as ISO writes it, which sorts as dates do. Raises EvalError."""
    if text in ("", _EVER):
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise EvalError(f"got the date {shown(text)}, wanted one like 2024-07-01") from None


def _message(sample: Sample) -> str:
    starter = sample.data["starter"]
    form = (
        f"### Format: {_STARTER}\n```python\n{starter}\n```\n\n"
        if starter
        else f"### Format: {_STDIN}\n```python\n# YOUR CODE HERE\n```\n\n"
    )
    return (
        f"### Question:\n{sample.data['text']}\n\n{form}"
        "### Answer: (use the provided format with backticks)\n\n"
    )


def _cases(sample: Sample) -> list[Case]:
    """All tests of a problem. Raises ValueError for what are none, EvalError where the file has changed."""
    tests: Any = sample.data["tests"]
    values = tests.read() if isinstance(tests, Place) else tests
    name: Any = sample.data["function"]
    found = []
    for each in (case for field in _TESTS for case in _listed(values.get(field))):
        given, wanted = each.get("input"), each.get("output")
        if not isinstance(given, str) or not isinstance(wanted, str):
            raise ValueError("a test has no input or no output")
        if name is not None:
            for line in (*given.split("\n"), wanted):
                json.loads(line)
        found.append(Case(given, wanted, name))
    if not found:
        raise ValueError("it has none")
    return found


def _listed(field: object) -> Sequence[Mapping[str, Any]]:
    if isinstance(field, str):
        return unpacked(field)
    if not isinstance(field, list) or not all(isinstance(each, dict) for each in field):
        raise ValueError("it is no list of objects")
    return field
