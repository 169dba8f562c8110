"""The matrix products of a 20B layer and its head, beside what the machine can do: python -m benchmarks.kernels.

Weights lie in memory, many times the caches, and are walked through in turn, so that one entry shows memory and many
entries show arithmetic. The peaks are measured in the same run, before and after.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.record import append, machine_name
from gptoss import kernels
from gptoss.kernels import Float32
from gptoss.kernels.bf16 import float32_to_bf16

HIDDEN, HEADS_WIDTH, VOCABULARY, EXPERTS = 2880, 4096, 201088, 32
ENTRIES = (1, 8, 64, 512)
_SECONDS = 1.0
_PROBE_WORDS = 1 << 27


@dataclass(frozen=True)
class Speed:
    """Of one kernel: what it does in a second."""

    name: str
    gigabytes: float
    gigaflops: float


class Machine:
    """What memory and arithmetic allow at most."""

    def __init__(self, backend: kernels.Backend) -> None:
        self._backend = backend
        self._words = np.ones(_PROBE_WORDS, np.uint64)
        self.reads: list[float] = []
        self.flops: list[float] = []

    def probe(self) -> None:
        """Measure once more."""
        took = seconds(lambda: self._backend.read_words(self._words))
        self.reads.append(self._words.nbytes / took / 1e9)
        rounds = 1_000_000
        as_bf16 = self._backend.activation_dtype == np.uint16
        began = time.perf_counter()
        done = self._backend.multiply(rounds, as_bf16=as_bf16)
        self.flops.append(done / (time.perf_counter() - began) / 1e9)


def seconds(work: Callable[[], object]) -> float:
    """Median of repetitions that fill a second, after one that does not count."""
    work()
    times: list[float] = []
    while sum(times) < _SECONDS or len(times) < 3:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def activations(backend: kernels.Backend, rows: int, width: int) -> kernels.Activations:
    """Random inputs as products take them."""
    x = np.random.default_rng(rows).standard_normal((rows, width), dtype=np.float32)
    out = np.empty(x.shape, backend.activation_dtype)
    backend.to_bf16(x, out)
    return out


def dense(backend: kernels.Backend, name: str, out_width: int, in_width: int, rows: int) -> Speed:
    """A product with bfloat16 weights."""
    # Not random bits: a subnormal among them costs an Intel core a hundred cycles.
    values = np.random.default_rng(0).standard_normal(1 << 20, dtype=np.float32)
    weight = np.resize(float32_to_bf16(values), (out_width, in_width))
    x, out = activations(backend, rows, in_width), np.empty((rows, out_width), np.float32)
    took = seconds(lambda: backend.matmul(x, weight, None, out))
    return Speed(name, weight.nbytes / took / 1e9, 2 * rows * weight.size / took / 1e9)


def experts(backend: kernels.Backend, rows: int) -> Speed:
    """The first projection of all experts, packed; `rows` entries for each that is chosen, four of them at one."""
    generator, blocks = np.random.default_rng(0), HIDDEN // 32
    chosen = 4 if rows == 1 else EXPERTS
    # As `pack_mxfp4` lays them out.
    shape = (EXPERTS, 2 * HIDDEN // kernels.GROUP, blocks)
    packed = generator.integers(0, 256, (*shape, kernels.MXFP4_GROUP_BYTES), dtype=np.uint8)
    scales = generator.integers(118, 122, (*shape, kernels.GROUP), dtype=np.uint8)
    bias = np.zeros((EXPERTS, 2 * HIDDEN), np.float32)
    counts = np.zeros(EXPERTS + 1, np.int32)
    counts[1 : chosen + 1] = rows
    offsets = np.cumsum(counts, dtype=np.int32)
    num_entries = rows * chosen
    x = activations(backend, num_entries, HIDDEN)
    order = np.arange(num_entries, dtype=np.int32)
    out: Float32 = np.empty((num_entries, 2 * HIDDEN), np.float32)
    took = seconds(lambda: backend.mxfp4_matmul(x, order, offsets, packed, scales, bias, out))
    read = (packed.nbytes + scales.nbytes) * chosen / EXPERTS
    return Speed("experts", read / took / 1e9, 2 * num_entries * 2 * HIDDEN * HIDDEN / took / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isa")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    backend = kernels.Backend(isa=options.isa, threads=options.threads)
    machine = Machine(backend)
    found: list[tuple[int, Speed]] = []
    for rows in ENTRIES:
        machine.probe()
        found.append((rows, experts(backend, rows)))
        found.append((rows, dense(backend, "query", HEADS_WIDTH, HIDDEN, rows)))
        if rows <= 8:
            found.append((rows, dense(backend, "head", VOCABULARY, HIDDEN, rows)))
    machine.probe()
    read, flops = statistics.median(machine.reads), statistics.median(machine.flops)
    title = f"{machine_name()}, {backend.isa}, {backend.threads} threads: {read:.1f} GB/s, {flops:.0f} GFLOP/s"
    table = Table("kernel", "entries", "GB/s", "of memory", "GFLOP/s", "of peak", title=title)
    metrics: dict[str, object] = {"read_gb_per_s": round(read, 2), "peak_gflops": round(flops, 1)}
    for rows, speed in found:
        table.add_row(
            speed.name,
            str(rows),
            f"{speed.gigabytes:.1f}",
            f"{speed.gigabytes / read:.0%}",
            f"{speed.gigaflops:.0f}",
            f"{speed.gigaflops / flops:.0%}",
        )
        metrics[f"{speed.name}_{rows}_gb_per_s"] = round(speed.gigabytes, 2)
        metrics[f"{speed.name}_{rows}_gflops"] = round(speed.gigaflops, 1)
    Console().print(table)
    common = {"isa": backend.isa, "threads": backend.threads, "model": "20b", "precision": "bf16"}
    append("kernels.csv", common, metrics)


if __name__ == "__main__":
    main()
