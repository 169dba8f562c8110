"""Published benchmarks under named protocols, with data that a user brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gptoss.errors import EvalError, listed, shown
from gptoss.evals.benchmarks.gpqa import open_gpqa
from gptoss.evals.benchmarks.hle import open_hle
from gptoss.evals.benchmarks.livecodebench import open_livecodebench
from gptoss.evals.benchmarks.mmlu_pro import open_mmlu_pro
from gptoss.evals.benchmarks.options import BenchmarkOptions
from gptoss.evals.benchmarks.scicode import open_scicode
from gptoss.evals.suite import Suite

BENCHMARKS: Mapping[str, Callable[[BenchmarkOptions], Suite]] = {
    "mmlu-pro": open_mmlu_pro,
    "gpqa-diamond": open_gpqa,
    "livecodebench": open_livecodebench,
    "hle": open_hle,
    "scicode": open_scicode,
}


def open_benchmark(name: str, options: BenchmarkOptions) -> Suite:
    """A benchmark by its name, with its data read. Raises EvalError."""
    found = BENCHMARKS.get(name)
    if found is None:
        raise EvalError(f"got the benchmark {shown(name)}, wanted one of {listed(BENCHMARKS)}")
    return found(options)


__all__ = ["BENCHMARKS", "BenchmarkOptions", "open_benchmark"]
