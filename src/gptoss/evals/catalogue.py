"""All suites by the names that the command line has for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gptoss.errors import EvalError, listed, shown
from gptoss.evals.benchmarks import BENCHMARKS, BenchmarkOptions
from gptoss.evals.generated.catalog import GENERATED
from gptoss.evals.generated.options import GeneratedOptions, estimated_tokens
from gptoss.evals.suite import Ask, Suite
from gptoss.tools.sandbox import Rung


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteOptions:
    """How suites are opened. What one has no use for, it does not look at.

    data            files and folders of each benchmark, by its name
    protocol        of benchmarks, by its name; None: their usual one
    seed            of generated samples, of the order of choices and of guesses
    size            of generated suites, in samples; None: as each holds to be enough
    count_tokens    of a text, by the tokenizer of whoever answers
    context         tokens that whoever answers can hold
    judge, judge_name
                    who judges where programs cannot, and what it is called
    sandbox_python, grader, time_limit_s, since, until
                    of benchmarks that run code, see `BenchmarkOptions`
    rung            of the sandbox; None: the strongest of this machine
    """

    data: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    protocol: str | None = None
    seed: int = 0
    size: int | None = None
    count_tokens: Callable[[str], int] = estimated_tokens
    context: int = 131_072
    judge: Ask | None = None
    judge_name: str = ""
    sandbox_python: Path | None = None
    grader: str = "subprocess"
    time_limit_s: float | None = None
    since: str | None = None
    until: str | None = None
    rung: Rung | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A suite as a list shows it.

    about  the first line of its module
    """

    name: str
    about: str
    needs_data: bool


def entries() -> list[Entry]:
    """All suites in the order in which they are shown."""
    named: list[tuple[str, object, bool]] = [
        *((name, opener, True) for name, opener in BENCHMARKS.items()),
        *((name, suite, False) for name, suite in GENERATED.items()),
    ]
    found = []
    for name, made, needs_data in named:
        text = inspect.getdoc(inspect.getmodule(made)) or ""
        about = text.partition("\n")[0].removesuffix(".")
        found.append(Entry(name=name, about=about, needs_data=needs_data))
    return found


def open_suite(name: str, options: SuiteOptions) -> Suite:
    """The suite of that name. Raises EvalError for an unknown one, and for data that is missing or none of its own."""
    if name in GENERATED:
        generated = GeneratedOptions(
            seed=options.seed,
            size=options.size,
            count_tokens=options.count_tokens,
            context=options.context,
            rung=options.rung,
        )
        return GENERATED[name](generated)
    if name in BENCHMARKS:
        return BENCHMARKS[name](
            BenchmarkOptions(
                data=options.data.get(name, ()),
                protocol=options.protocol,
                seed=options.seed,
                judge=options.judge,
                judge_name=options.judge_name,
                sandbox_python=options.sandbox_python,
                grader=options.grader,
                time_limit_s=options.time_limit_s,
                since=options.since,
                until=options.until,
            )
        )
    raise EvalError(
        f"got the suite {shown(name)}, wanted one of {listed([*BENCHMARKS, *GENERATED], 40)}"
    )
