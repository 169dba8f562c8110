"""The matrix products of a 20B layer and its head, beside what the machine can do: python -m benchmarks.kernels.

Experts and head lie in memory, many times the caches, and are walked through in turn, so that one entry shows memory
and many entries show arithmetic; the query matrix, 24 MB or less, may stay in a large cache. The peaks are measured in
the same run, before and after.
"""

from __future__ import annotations

import argparse
import itertools
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


PRECISIONS = ("bf16", "int8")


@dataclass(frozen=True)
class Speed:
    """Of one kernel with so many entries: what it does in a second."""

    name: str
    precision: str
    rows: int
    gigabytes: float
    gigaops: float


class Machine:
    """What memory and arithmetic allow at most."""

    def __init__(self, backend: kernels.Backend) -> None:
        self._backend = backend
        self._words = np.ones(_PROBE_WORDS, np.uint64)
        self.reads: list[float] = []
        self.peaks: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}

    def probe(self) -> None:
        """Measure once more."""
        took = seconds(lambda: self._backend.read_words(self._words))
        self.reads.append(self._words.nbytes / took / 1e9)
        for precision, peaks in self.peaks.items():
            has_bf16 = self._backend.activation_dtype == np.uint16
            inputs = "int8" if precision == "int8" else "bfloat16" if has_bf16 else "float32"
            began = time.perf_counter()
            done = self._backend.multiply(2_000_000, inputs=inputs)
            peaks.append(done / (time.perf_counter() - began) / 1e9)


def seconds(work: Callable[[], object]) -> float:
    """Median of repetitions that fill a second, after one that does not count."""
    work()
    times: list[float] = []
    while sum(times) < _SECONDS or len(times) < 3:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def activations(
    backend: kernels.Backend, precision: str, rows: int, width: int
) -> kernels.Activations:
    """Random inputs as products take them."""
    x = np.random.default_rng(rows).standard_normal((rows, width), dtype=np.float32)
    if precision == "int8":
        blocks = np.empty((rows, width // 32 * kernels.INT8_BLOCK_BYTES), np.uint8)
        backend.to_int8(x, blocks)
        return blocks
    out = np.empty(x.shape, backend.activation_dtype)
    backend.to_bf16(x, out)
    return out


def dense(
    backend: kernels.Backend, precision: str, name: str, shape: tuple[int, int], rows: int
) -> Speed:
    """A product with a matrix (out, in): bfloat16 weights, or 8-bit ones where activations have eight bits."""
    out_width, in_width = shape
    # Not random bits: a subnormal among them costs an Intel core a hundred cycles.
    values = np.random.default_rng(0).standard_normal(1 << 20, dtype=np.float32)
    weight = np.resize(float32_to_bf16(values), shape)
    x, out = (
        activations(backend, precision, rows, in_width),
        np.empty((rows, out_width), np.float32),
    )
    if precision == "int8":
        grid = (-(-out_width // kernels.GROUP), in_width // 32)
        blocks = np.empty((*grid, kernels.INT8_GROUP_BYTES), np.uint8)
        scales = np.empty((*grid, kernels.GROUP), np.uint16)
        backend.pack_int8(weight, blocks, scales)
        read = blocks.nbytes + scales.nbytes
        took = seconds(lambda: backend.int8_matmul(x, blocks, scales, None, out))
    else:
        read = weight.nbytes
        took = seconds(lambda: backend.matmul(x, weight, None, out))
    return Speed(name, precision, rows, read / took / 1e9, 2 * rows * weight.size / took / 1e9)


@dataclass(frozen=True)
class Experts:
    """The first projections of all experts, as `pack_mxfp4` lays them out."""

    packed: kernels.Bytes
    scales: kernels.Bytes
    bias: Float32

    @classmethod
    def random(cls) -> Experts:
        generator = np.random.default_rng(0)
        shape = (EXPERTS, 2 * HIDDEN // kernels.GROUP, HIDDEN // 32)
        return cls(
            generator.integers(0, 256, (*shape, kernels.MXFP4_GROUP_BYTES), dtype=np.uint8),
            generator.integers(118, 122, (*shape, kernels.GROUP), dtype=np.uint8),
            np.zeros((EXPERTS, 2 * HIDDEN), np.float32),
        )

    def speed(self, backend: kernels.Backend, precision: str, rows: int) -> Speed:
        """`rows` entries for each expert that is chosen: four of them at one, as a token chooses."""
        chosen = 4 if rows == 1 else EXPERTS
        # By turns, because four experts would stay in a large cache.
        turns = itertools.cycle(
            np.clip(np.arange(EXPERTS + 1, dtype=np.int32) - first, 0, chosen) * np.int32(rows)
            for first in range(0, EXPERTS, chosen)
        )
        num_entries = rows * chosen
        x = activations(backend, precision, num_entries, HIDDEN)
        order = np.arange(num_entries, dtype=np.int32)
        out: Float32 = np.empty((num_entries, 2 * HIDDEN), np.float32)
        took = seconds(
            lambda: backend.mxfp4_matmul(
                x, order, next(turns), self.packed, self.scales, self.bias, out
            )
        )
        read = (self.packed.nbytes + self.scales.nbytes) * chosen / EXPERTS
        operations = 2 * num_entries * 2 * HIDDEN * HIDDEN
        return Speed("experts", precision, rows, read / took / 1e9, operations / took / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isa")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    backend = kernels.Backend(isa=options.isa, threads=options.threads)
    machine, experts = Machine(backend), Experts.random()
    found: list[Speed] = []
    for precision in PRECISIONS:
        for rows in ENTRIES:
            machine.probe()
            found.append(experts.speed(backend, precision, rows))
            found.append(dense(backend, precision, "query", (HEADS_WIDTH, HIDDEN), rows))
            if rows <= 8:
                found.append(dense(backend, precision, "head", (VOCABULARY, HIDDEN), rows))
    machine.probe()
    report(backend, machine, found)


def report(backend: kernels.Backend, machine: Machine, found: list[Speed]) -> None:
    """Print a table, and add to the committed results."""
    read = statistics.median(machine.reads)
    title = f"{machine_name()}, {backend.isa}, {backend.threads} threads: memory {read:.1f} GB/s"
    table = Table(
        "precision", "kernel", "entries", "GB/s", "of memory", "Gop/s", "of peak", title=title
    )
    for precision in PRECISIONS:
        peak = statistics.median(machine.peaks[precision])
        metrics: dict[str, object] = {
            "read_gb_per_s": round(read, 2),
            "peak_gops": round(peak, 1),
        }
        for speed in found:
            if speed.precision != precision:
                continue
            table.add_row(
                precision,
                speed.name,
                str(speed.rows),
                f"{speed.gigabytes:.1f}",
                f"{speed.gigabytes / read:.0%}",
                f"{speed.gigaops:.0f}",
                f"{speed.gigaops / peak:.0%}",
            )
            metrics[f"{speed.name}_{speed.rows}_gb_per_s"] = round(speed.gigabytes, 2)
            metrics[f"{speed.name}_{speed.rows}_gops"] = round(speed.gigaops, 1)
        common = {"isa": backend.isa, "threads": backend.threads, "model": "20b"}
        append("kernels.csv", {**common, "precision": precision}, metrics)
    Console().print(table)


if __name__ == "__main__":
    main()
