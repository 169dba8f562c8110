"""What the command line asks of an evaluation, checked before anything is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gptoss.errors import EvalError, shown
from gptoss.harmony import Effort

# The judge that is the model which is evaluated.
SELF = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """All that `gptoss eval` was told.

    data       files and folders by the suite's name; of a run of one suite, the name may be left out
    efforts    each suite is asked with each of them
    limit, repeats, temperature, top_p, max_tokens
               in place of the protocol's; None: as that has it
    regrades   whether answers that are there are graded again
    out        the folder of folders; None: one by the model's name
    """

    suites: Sequence[str]
    data: dict[str, list[Path]]
    efforts: Sequence[str]
    protocol: str | None
    limit: int | None
    repeats: int | None
    size: int | None
    seed: int
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    judge: str | None
    judge_model: str | None
    judge_key_file: str | None
    sandbox_python: Path | None
    grader: str
    since: str | None
    until: str | None
    time_limit_s: float | None
    regrades: bool
    out: Path | None

    def __post_init__(self) -> None:
        """Raise EvalError for what belongs to a judge's server, where there is none."""
        if self.judge in (None, SELF) and (self.judge_model or self.judge_key_file):
            named = "--judge-model" if self.judge_model else "--judge-key-file"
            raise EvalError(f"got {named} without a judge's server; name that by --judge URL")


def data_of(suites: Sequence[str], given: Sequence[str]) -> dict[str, list[Path]]:
    """Paths by suite, from `NAME=PATH` or, for a single suite, `PATH`. Raises EvalError."""
    found: dict[str, list[Path]] = defaultdict(list)
    for each in given:
        name, equals, path = each.partition("=")
        if equals and name in suites:
            found[name].append(Path(path).expanduser())
        elif len(suites) == 1:
            found[suites[0]].append(Path(each).expanduser())
        else:
            raise EvalError(
                f"got the data {shown(each)} for {len(suites)} suites, wanted SUITE=PATH"
            )
    return dict(found)


def efforts_of(given: str) -> list[str]:
    """Levels with commas between them, each once. Raises MessageError for an unknown one."""
    return list(dict.fromkeys(str(Effort.parse(each.strip())) for each in given.split(",")))
