"""Which suites read which options: one that nobody reads is a mistake, and said before anything is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gptoss.errors import EvalError, listed
from gptoss.evals.benchmarks import BENCHMARKS
from gptoss.evals.generated.catalog import GENERATED

_JUDGED = ("hle",)
_PROGRAMS = ("livecodebench",)
READERS: Mapping[str, Collection[str]] = {
    "--data": BENCHMARKS,
    "--protocol": BENCHMARKS,
    "--size": GENERATED,
    "--judge": _JUDGED,
    "--judge-model": _JUDGED,
    "--judge-key-file": _JUDGED,
    "--sandbox-python": ("scicode",),
    "--grader": _PROGRAMS,
    "--since": _PROGRAMS,
    "--until": _PROGRAMS,
    "--time-limit": ("livecodebench", "scicode"),
}


def require_readers(suites: Sequence[str], given: Mapping[str, object]) -> None:
    """Raise EvalError for an option with a value that none of the suites reads."""
    if not all(name in BENCHMARKS or name in GENERATED for name in suites):
        # That is said first, with the names that there are.
        return
    for option, value in given.items():
        readers = READERS[option]
        if value and not any(name in readers for name in suites):
            raise EvalError(
                f"got {option}, which {listed(suites)} {'does' if len(suites) == 1 else 'do'} not read; "
                f"it is for {listed(readers)}: leave it out"
            )
