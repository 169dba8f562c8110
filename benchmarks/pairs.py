"""bfloat16 in pairs beside the same values as floats, on this processor: python -m benchmarks.pairs.

Attention and the experts' products of a 20B layer, by turns without and with `bf16_pairs`: a ratio below 1 says that
pairs are faster. What `cpp/dispatch.cpp` chooses for a processor rests on it. Each turn goes to another layer's pages,
as a forward pass does, so that a deep cache comes from memory.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.kernels import HIDDEN, Experts
from benchmarks.record import append, machine_name
from gptoss import kernels
from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.page_pool import PAGE_SIZE

HEADS, KV_HEADS, HEAD_DIM, LAYERS, WINDOW = 64, 8, 64, 12, 128
DEPTHS = (1024, 8192, 32768)
PREFILL = 256
ENTRIES = (1, 8, 64, 512)
_SECONDS, _LEAST_TURNS = 3.0, 7

Work = Callable[[], object]


@dataclass(frozen=True)
class Compared:
    """Medians over the turns: milliseconds with floats and in pairs, and the ratio within a turn."""

    name: str
    floats_ms: float
    pairs_ms: float
    ratio: float

    @classmethod
    def by_turns(cls, name: str, floats: Work, pairs: Work) -> Compared:
        """Measure both, one after the other, until the time is up; the first turn does not count."""
        took: list[tuple[float, float]] = []
        while len(took) <= _LEAST_TURNS or sum(map(sum, took)) < _SECONDS:
            # Who comes first changes, so that neither finds the caches as the other left them.
            order = (0, 1) if len(took) % 2 else (1, 0)
            turn = [0.0, 0.0]
            for which in order:
                began = time.perf_counter()
                (floats, pairs)[which]()
                turn[which] = time.perf_counter() - began
            took.append((turn[0], turn[1]))
        counted = took[1:]
        first, second = (statistics.median(column) for column in zip(*counted, strict=True))
        ratio = statistics.median(b / a for a, b in counted)
        return cls(name, 1000 * first, 1000 * second, ratio)


class Cache:
    """Random keys and values of twelve layers, one sequence that fills them."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        num_pages = depth // PAGE_SIZE
        random = np.random.default_rng(depth)
        shape = (LAYERS, num_pages, 2, KV_HEADS, PAGE_SIZE * HEAD_DIM)
        few = float32_to_bf16(random.standard_normal(1 << 20, dtype=np.float32))
        self._pages = np.resize(few, shape)
        self._table = random.permutation(num_pages).astype(np.int32)[None]

    def attend(self, backend: kernels.Backend, tokens: int, window: int) -> Work:
        """Attention of the last `tokens` positions; each call takes the next layer."""
        random = np.random.default_rng(tokens)
        query = random.standard_normal((tokens, HEADS, HEAD_DIM), dtype=np.float32)
        sinks, out = np.zeros(HEADS, np.float32), np.empty_like(query)
        positions = np.arange(self.depth - tokens, self.depth)
        sequences = np.zeros(tokens, np.int32)
        layers: Iterator[kernels.Bfloat16Bits] = itertools.cycle(self._pages)
        return lambda: backend.attention(
            query,
            next(layers),
            self._table,
            sequences,
            positions,
            sinks,
            out,
            window=window,
            scale=HEAD_DIM**-0.5,
        )


def compare_attention(floats: kernels.Backend, pairs: kernels.Backend) -> Iterator[Compared]:
    """Decode and prefill at each depth; a sliding layer once, for its depth is the window."""
    for depth in DEPTHS:
        cache = Cache(depth)
        for name, tokens, window in (("decode", 1, 0), ("prefill", PREFILL, 0)):
            works = [cache.attend(backend, tokens, window) for backend in (floats, pairs)]
            yield Compared.by_turns(f"{name}_{depth}", *works)
        if depth == DEPTHS[0]:
            for name, tokens in (("decode_sliding", 1), ("prefill_sliding", PREFILL)):
                works = [cache.attend(backend, tokens, WINDOW) for backend in (floats, pairs)]
                yield Compared.by_turns(name, *works)


def multiply(experts: Experts, backend: kernels.Backend, rows: int) -> Work:
    """The experts' first projection with `rows` entries for each, four experts at one row as a token chooses."""
    chosen = 4 if rows == 1 else len(experts.packed)
    turns = itertools.cycle(
        np.clip(np.arange(len(experts.packed) + 1, dtype=np.int32) - first, 0, chosen)
        * np.int32(rows)
        for first in range(0, len(experts.packed), chosen)
    )
    random = np.random.default_rng(rows)
    values = random.standard_normal((rows * chosen, HIDDEN), dtype=np.float32)
    x = np.empty(values.shape, backend.activation_dtype)
    backend.to_bf16(values, x)
    order = np.arange(len(x), dtype=np.int32)
    out = np.empty((len(x), 2 * HIDDEN), np.float32)
    return lambda: backend.mxfp4_matmul(
        x, order, next(turns), experts.packed, experts.scales, experts.bias, out
    )


def compare_products(floats: kernels.Backend, pairs: kernels.Backend) -> Iterator[Compared]:
    """Products with packed weights, from one entry, which shows memory, to many, which show arithmetic."""
    experts = Experts.random()
    for rows in ENTRIES:
        works = [multiply(experts, backend, rows) for backend in (floats, pairs)]
        yield Compared.by_turns(f"experts_{rows}", *works)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isa", default=kernels.isas()[-1])
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if True not in kernels.bf16_pairs(options.isa):
        parser.error(f"{options.isa} multiplies no bfloat16 in pairs; name another with --isa")
    floats, pairs = (
        kernels.Backend(isa=options.isa, threads=options.threads, bf16_pairs=in_pairs)
        for in_pairs in (False, True)
    )
    title = f"{machine_name()}, {floats.isa}, {floats.threads} threads"
    table = Table("what", "floats ms", "pairs ms", "pairs / floats", title=title)
    metrics: dict[str, object] = {}
    for compare in (compare_attention, compare_products):
        for found in compare(floats, pairs):
            table.add_row(
                found.name, f"{found.floats_ms:.3f}", f"{found.pairs_ms:.3f}", f"{found.ratio:.3f}"
            )
            metrics[f"{found.name}_floats_ms"] = round(found.floats_ms, 4)
            metrics[f"{found.name}_pairs_ms"] = round(found.pairs_ms, 4)
            metrics[f"{found.name}_pairs_over_floats"] = round(found.ratio, 3)
    common = {"isa": floats.isa, "threads": floats.threads, "model": "20b", "precision": "bf16"}
    append("pairs.csv", common, metrics)
    Console().print(table)


if __name__ == "__main__":
    main()
