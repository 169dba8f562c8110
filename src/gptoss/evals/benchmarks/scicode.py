"""SciCode: problems of scientific computing, solved step by step on the model's own code of the steps before."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gptoss.errors import EvalError, SandboxError, listed
from gptoss.evals.benchmarks.options import (
    ARTIFICIAL_ANALYSIS,
    BenchmarkOptions,
    changed,
    chosen_card,
    held_to_data,
)
from gptoss.evals.benchmarks.scicode_prompt import own_function, step_message
from gptoss.evals.code.running import tested
from gptoss.evals.code.steps import StepTester
from gptoss.evals.data.cells import text_of
from gptoss.evals.data.table import Table, Wanted, find_files
from gptoss.evals.extraction.fenced import first_block, without_imports
from gptoss.evals.extraction.leaks import without_leaks
from gptoss.evals.grade import Grade, Item, Outcome
from gptoss.evals.question import Question
from gptoss.evals.suite import Ask, ProtocolCard, Sample, Source
from gptoss.files.regular import open_regular
from gptoss.tools.sandbox import choose_rung, find_interpreter, other_interpreter

NAME = "scicode"
_WANTED = Wanted(
    what="SciCode",
    stem=r"problems.*",
    columns=("problem_id", "required_dependencies", "sub_steps"),
    id="problem_id",
    hashes=frozenset(
        {
            "38797fef78f434720be6d053b4f3a86839d6f8ea5fb9115450677cd3a6edf81d",
            "193968aff23b7ed931c8f6d196b611e2f6694adb49e6cc085444a60ad2fc4f7b",
        }
    ),
)
_TARGETS_HASH = "48b0272a88b17dbd29777c217e1b4fb2b019b92e11cc2add847409db9541b890"
_STEP_TEXTS = ("step_number", "step_description_prompt", "function_header", "return_line")
# The benchmark gives their code, and does not ask for them.
GIVEN = ("13.6", "62.1", "76.3")
_SCIPY = (
    "SciPy 1.14 and later have no `simps`, without which 4 of the 288 steps cannot be solved; others are reported as "
    "broken"
)
_AA = ProtocolCard(
    name="aa-v3",
    version="1",
    prompt="one user message a step: those before it with generated code, the step with background, allowed imports",
    extraction="the first block of Python, without its imports",
    scoring="the share of steps that pass all their tests; all 80 problems, the mean over three repeats",
    repeats=3,
    differs=("the three steps whose code is given are not counted", _SCIPY),
    published={ARTIFICIAL_ANALYSIS: 0.344},
    tokens={"low": 4000, "medium": 12_000, "high": 40_000},
)
CARDS = (
    _AA,
    replace(
        _AA,
        name="aa-v4",
        scoring="the share of steps that pass all their tests; the 65 problems of the test file, over three repeats",
        published={},
    ),
    replace(
        _AA,
        name="official",
        prompt="one user message a step, without background, which the answer has to give as a comment",
        scoring="the share of steps that pass all their tests; the 65 problems of the test file",
        repeats=1,
        temperature=0.0,
        published={},
    ),
)
# With and without the steps that are given.
_COUNTS = {"aa-v3": (338, 335), "aa-v4": (288, 285), "official": (288, 285)}
_LIMIT_S = 1800.0


class SciCode:
    """The suite under one protocol."""

    name = NAME

    def __init__(self, options: BenchmarkOptions) -> None:
        card = chosen_card(NAME, CARDS, options)
        self._data = options.data
        self._skipped: Counter[str] = Counter()
        self._has_background = card.name != "official"
        table = Table(_WANTED, _problem_files(options.data, card.name))
        self._samples = tuple(
            sample
            for name, row in table.rows()
            if (sample := self._sample(name, row.values or {})) is not None
        )
        self._skipped += table.skipped
        if not self._samples:
            raise EvalError(
                "the data has no problem of SciCode with its steps; bring the published file"
            )
        targets = _targets_file(options.data)
        self._sources = (*table.sources, _source(targets))
        limit = _LIMIT_S if options.time_limit_s is None else options.time_limit_s
        python = options.sandbox_python
        self._tester = StepTester(
            rung=choose_rung(),
            interpreter=find_interpreter() if python is None else other_interpreter(python),
            targets=targets,
            time_limit_s=limit,
        )
        self._require_imports()
        count = sum(len(_asked_steps(each)) for each in self._samples)
        card = held_to_data(card, "steps that are asked for", count, *_COUNTS[card.name])
        if limit != _LIMIT_S:
            card = changed(card, f"steps have {limit:g} s, not {_LIMIT_S:g} s")
        self._card = card

    @property
    def card(self) -> ProtocolCard:
        """Its rules."""
        return self._card

    @property
    def sources(self) -> Sequence[Source]:
        """The files of its problems, and that of the targets."""
        return self._sources

    @property
    def skipped(self) -> Mapping[str, int]:
        """Rows that are no problems, by the reason."""
        return self._skipped

    def samples(self) -> Sequence[Sample]:
        """All problems, in the order of the files."""
        return self._samples

    async def play(self, sample: Sample, repeat: int, ask: Ask) -> Sequence[Item]:
        """Ask for one step after the other, each with the code of those before; an item for each that is asked."""
        steps, given = _steps(sample), _given(sample)
        codes: list[str] = []
        items: list[Item] = []
        is_full = False
        for step in steps:
            number = str(step["step_number"])
            if number in given:
                codes.append(given[number])
                continue
            code, grade = "", _FULL
            if not is_full:
                code, grade = await self._played(sample, codes, ask)
                is_full = grade is _FULL
            codes.append(code)
            items.append(Item(id=number, grade=grade, cluster=sample.id, category=sample.category))
        return items

    async def _played(self, sample: Sample, codes: Sequence[str], ask: Ask) -> tuple[str, Grade]:
        """The code of the step after those that have some, and its grade."""
        steps, dependencies = _steps(sample), str(sample.data["dependencies"])
        step = steps[len(codes)]
        message = step_message(steps, codes, dependencies, has_background=self._has_background)
        answer = await ask(Question.of(message))
        if answer.finish_reason == "context":
            return "", _FULL
        code = without_imports(first_block(without_leaks(answer.content)))
        if not code.strip():
            return "", Grade.missing(is_cut_off=answer.is_cut_off, reason="it has no program")
        program = "\n".join((dependencies, *codes, code))
        work = partial(
            self._tester.judged, program, str(step["step_number"]), list(step["test_cases"])
        )
        try:
            judged = await tested(work)
        except SandboxError as error:
            return code, Grade.unknown(f"the sandbox failed: {error}")
        grade = judged.grade(code)
        if answer.is_cut_off and grade.outcome is Outcome.WRONG:
            grade = replace(grade, outcome=Outcome.CUT_OFF)
        return code, grade

    def _sample(self, name: str, row: Mapping[str, Any]) -> Sample | None:
        steps = row["sub_steps"]
        if not _are_steps(steps):
            self._skipped["problems without whole steps"] += 1
            return None
        given = {}
        for step in steps:
            number = str(step["step_number"])
            if number in GIVEN:
                code = self._given_code(number) or step.get("ground_truth_code")
                if not code:
                    self._skipped[_WITHOUT_GIVEN] += 1
                    return None
                given[number] = own_function(str(code), str(step["function_header"]))
        data = {
            "steps": steps,
            "given": given,
            "dependencies": str(row["required_dependencies"] or ""),
        }
        return Sample(id=name, data=data)

    def _given_code(self, number: str) -> str:
        for path in self._data:
            folder = path if path.is_dir() else path.parent
            file = folder / f"{number}.txt"
            if file.is_file():
                return file.read_text(encoding="utf-8", errors="replace")
        return ""

    def _require_imports(self) -> None:
        """Raises EvalError naming what the sandbox's Python lacks, before anything is asked."""
        users: dict[str, list[str]] = {"import h5py": [], "import numpy": [], "import scipy": []}
        for sample in self._samples:
            for line in str(sample.data["dependencies"]).split("\n"):
                if line.strip().startswith(("import ", "from ")):
                    users.setdefault(line.strip(), []).append(sample.id)
        failed = self._tester.failed_imports(list(users))
        if failed:
            said = "; ".join(
                f"`{line}` ({reason}{', for problem ' * bool(users[line])}{listed(users[line], 5)})"
                for line, reason in failed.items()
            )
            raise EvalError(
                f"the sandbox's Python {self._tester.interpreter.executable} lacks what SciCode imports: {said}; make "
                'an environment with `python -m venv scicode && scicode/bin/pip install "scipy<1.14" "numpy<2" h5py '
                "sympy matplotlib` and name its Python by --sandbox-python scicode/bin/python"
            )


_FULL = Grade.missing(
    is_cut_off=True, reason="the context has no room for this step, so it and those after it fail"
)
_WITHOUT_GIVEN = f"problems whose given step is missing (put {', '.join(f'{each}.txt' for each in GIVEN)} beside them)"


def open_scicode(options: BenchmarkOptions) -> SciCode:
    """SciCode, with its data read and its imports tried. Raises EvalError or SandboxError."""
    return SciCode(options)


def _steps(sample: Sample) -> Sequence[Mapping[str, Any]]:
    return sample.data["steps"]  # type: ignore[return-value]


def _given(sample: Sample) -> Mapping[str, str]:
    return sample.data["given"]  # type: ignore[return-value]


def _asked_steps(sample: Sample) -> list[Mapping[str, Any]]:
    return [step for step in _steps(sample) if str(step["step_number"]) not in _given(sample)]


def _are_steps(steps: object) -> bool:
    return (
        isinstance(steps, list)
        and bool(steps)
        and all(
            isinstance(step, dict)
            and all(text_of(step.get(field)) for field in _STEP_TEXTS)
            and isinstance(step.get("test_cases"), list)
            and bool(step["test_cases"])
            and all(isinstance(test, str) for test in step["test_cases"])
            for step in steps
        )
    )


def _problem_files(data: Sequence[Path], protocol: str) -> list[Path]:
    """The files of the protocol's problems: those of the test file alone by most, where it is one of its own."""
    paths = [path for path in data if path.suffix.lower() not in (".h5", ".hdf5", ".txt")]
    found = find_files(paths, _WANTED)
    whole = [path for path in found if "all" in path.stem]
    apart = [path for path in found if "all" not in path.stem]
    if protocol == "aa-v3" or not any("test" in path.stem for path in apart):
        return whole or found
    return [path for path in apart if "test" in path.stem]


def _targets_file(data: Sequence[Path]) -> Path:
    for path in data:
        found = sorted(path.glob("**/*.h5")) if path.is_dir() else [path]
        for each in found:
            if each.suffix.lower() in (".h5", ".hdf5"):
                return each.resolve()
    raise EvalError(
        f"found no test_data.h5 in {listed(map(str, data))}: SciCode's tests compare with what is in it; put it beside "
        "the problems, docs/evaluation.md says where it comes from"
    )


def _source(targets: Path) -> Source:
    try:
        with open_regular(targets) as descriptor, open(descriptor, "rb", closefd=False) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EvalError(f"cannot read {targets}: {error.strerror or error}") from None
    return Source(name=targets.name, sha256=found, rows=0, known=found == _TARGETS_HASH)
