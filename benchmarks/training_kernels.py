"""Training's products, attention and one 20B layer, beside forward products: python -m benchmarks.training_kernels.

Times are those of one core at work, so that other programs disturb them little; the peak of products in registers, of
what experts take on this processor, is measured before, between and after. A layer has LoRA of rank 16 on its four
attention matrices and on all experts; forward and backward of each half are one pass, as a step makes them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.kernels import HEADS_WIDTH, HIDDEN, Experts
from benchmarks.record import append, machine_name
from gptoss import kernels
from gptoss.kernels import Backend, TrainingBackend
from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.config import LayerType
from gptoss.model.precision import Precision
from gptoss.model.rope import RotaryTables
from gptoss.model.synth import gpt_oss_20b
from gptoss.model.weights import AttentionWeights, ExpertWeights, Linear, PackedExperts
from gptoss.train.packed import (
    Arithmetic,
    AttentionLayer,
    AttentionLora,
    ExpertLora,
    ExpertsLayer,
    ExpertsLora,
    Lora,
    Samples,
)

ENTRIES, TOKENS, RANK, REPEATS = (64, 256), (512, 2048), 16, 3
CONFIG = gpt_oss_20b(1)
# Of each token: three products forward, two again and three of gradients, four experts each.
EXPERT_GFLOP = 8 * 4 * 2 * HIDDEN * HIDDEN / 1e9
RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Speeds:
    """Measured values by the names of their metrics; units are in the names."""

    gflops: dict[str, float]
    ms_per_token: dict[str, float]


def core_seconds(work: Callable[[], object]) -> float:
    """The least of some repetitions, after one that does not count."""
    work()
    took = []
    for _ in range(REPEATS):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took)


def peak(arithmetic: Arithmetic) -> float:
    """GFLOP/s a core of the products that experts have, by metric."""
    inputs = "float32" if arithmetic.precision is Precision.FLOAT32 else "bfloat16"
    began = time.thread_time()
    done = arithmetic.backend.multiply(2_000_000, inputs=inputs)
    return done / (time.thread_time() - began) / 1e9


def activations(arithmetic: Arithmetic, *shape: int) -> kernels.Activations:
    """Random inputs as experts take them."""
    x = floats(*shape)
    if arithmetic.precision is Precision.FLOAT32:
        return x
    rounded = np.empty(shape, arithmetic.backend.activation_dtype)
    arithmetic.backend.to_bf16(x, rounded)
    return rounded


def experts_products(arithmetic: Arithmetic, entries: int, found: Speeds) -> None:
    """The first projection of eight experts both ways, with so many entries each."""
    of_all, count = Experts.random(), 8
    packed, scales = of_all.packed[:count], of_all.scales[:count]
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(entries)
    order = np.arange(count * entries, dtype=np.int32)
    x, d = (activations(arithmetic, len(order), width) for width in (HIDDEN, 2 * HIDDEN))
    y, d_x = (np.empty(each.shape, np.float32) for each in (d, x))
    backend, training = arithmetic.backend, arithmetic.training
    gflop = 2 * len(order) * 2 * HIDDEN * HIDDEN / 1e9
    bias = of_all.bias[:count]
    found.gflops[f"experts_forward_{entries}"] = gflop / core_seconds(
        lambda: backend.mxfp4_matmul(x, order, offsets, packed, scales, bias, y)
    )
    found.gflops[f"experts_transposed_{entries}"] = gflop / core_seconds(
        lambda: training.mxfp4_transposed(d, order, offsets, packed, scales, d_x)
    )


def dense_products(arithmetic: Arithmetic, entries: int, found: Speeds) -> None:
    """The query matrix both ways, as stored."""
    weight = matrix(HEADS_WIDTH, HIDDEN)
    x, d = floats(entries, HIDDEN), floats(entries, HEADS_WIDTH)
    y, d_x = np.empty_like(d), np.empty_like(x)
    backend, training = arithmetic.backend, arithmetic.training
    gflop = 2 * entries * weight.size / 1e9
    found.gflops[f"query_forward_{entries}"] = gflop / core_seconds(
        lambda: backend.matmul(x, weight, None, y)
    )
    found.gflops[f"query_transposed_{entries}"] = gflop / core_seconds(
        lambda: training.bf16_transposed(d, weight, d_x)
    )


def attention_core(
    training: kernels.TrainingKernels, tokens: int, kind: LayerType, found: Speeds
) -> None:
    """Attention alone: forward, and its gradient."""
    heads, dim = CONFIG.num_heads, CONFIG.head_dim
    window = window_of(kind)
    qkv = floats(tokens, heads + 2 * CONFIG.num_kv_heads, dim)
    starts, sinks = np.array([0, tokens], np.int32), np.zeros(heads, np.float32)
    out, d_out = np.empty((tokens, heads, dim), np.float32), floats(tokens, heads, dim)
    log_sums, shares = (np.empty((tokens, heads), np.float32) for _ in range(2))
    d_qkv, d_sinks = np.empty_like(qkv), np.empty_like(sinks)

    def forward() -> None:
        training.attention(qkv, starts, sinks, out, log_sums, window=window, scale=dim**-0.5)

    def backward() -> None:
        training.attention_gradient(
            qkv,
            starts,
            sinks,
            out,
            log_sums,
            d_out,
            shares,
            d_qkv,
            d_sinks,
            window=window,
            scale=dim**-0.5,
        )

    for name, work in (("forward", forward), ("gradient", backward)):
        took = core_seconds(work)
        found.ms_per_token[f"attention_{kind.name.lower()}_{name}_{tokens}"] = 1e3 * took / tokens


def layer(arithmetic: Arithmetic, tokens: int, found: Speeds) -> None:
    """Both halves of a layer with LoRA, forward and backward."""
    samples = Samples.of([tokens], RotaryTables(CONFIG.rope, CONFIG.head_dim))
    hidden = torch.randn(tokens, HIDDEN, requires_grad=True)
    for kind in (LayerType.FULL, LayerType.SLIDING):
        attention = AttentionLayer(arithmetic, CONFIG, kind, attention_weights())
        query, key, value, output = (Lora(*adapter(*s), 1.0) for s in attention_shapes())
        lora = AttentionLora(query, key, value, output)
        took = pass_seconds(partial(attention, hidden, samples, lora))
        found.ms_per_token[f"layer_attention_{kind.name.lower()}_{tokens}"] = 1e3 * took / tokens
    experts = ExpertsLayer(arithmetic, CONFIG, expert_weights())

    def mixture() -> Tensor:
        normed = experts.norm(hidden)
        return experts(normed, experts.route(normed), expert_lora)

    expert_lora = ExpertsLora(
        *(ExpertLora(*expert_adapter(*s), 1.0) for s in ((HIDDEN, 2 * HIDDEN), (HIDDEN, HIDDEN)))
    )
    took = pass_seconds(mixture)
    found.ms_per_token[f"layer_experts_{tokens}"] = 1e3 * took / tokens
    found.gflops[f"layer_experts_{tokens}"] = EXPERT_GFLOP * tokens / took


def pass_seconds(forward: Callable[[], Tensor]) -> float:
    """Forward and backward. PyTorch runs a backward pass in a thread of its own, so the whole process counts."""
    took = []
    for _ in range(REPEATS):
        began = time.process_time()
        forward().sum().backward()  # type: ignore[no-untyped-call]
        took.append(time.process_time() - began)
    return min(took)


def floats(*shape: int) -> kernels.Float32:
    return RANDOM.standard_normal(shape, dtype=np.float32)


def matrix(rows: int, columns: int) -> kernels.Bfloat16Bits:
    return float32_to_bf16(floats(rows, columns) * np.float32(columns**-0.5))


def linear(rows: int, columns: int) -> Linear:
    return Linear(matrix(rows, columns), np.zeros(rows, np.float32))


def window_of(kind: LayerType) -> int:
    return CONFIG.sliding_window if kind is LayerType.SLIDING else 0


def attention_shapes() -> list[tuple[int, int]]:
    """(in, out) of queries, keys, values and output."""
    width = CONFIG.num_kv_heads * CONFIG.head_dim
    return [(HIDDEN, HEADS_WIDTH), (HIDDEN, width), (HIDDEN, width), (HEADS_WIDTH, HIDDEN)]


def attention_weights() -> AttentionWeights:
    *qkv, output = (linear(out, width) for width, out in attention_shapes())
    norm, sinks = np.ones(HIDDEN, np.float32), np.zeros(CONFIG.num_heads, np.float32)
    return AttentionWeights(norm, tuple(qkv), output, sinks)


def expert_weights() -> ExpertWeights:
    """Weights of about the size that makes outputs of order one."""
    first = Experts.random()
    half = first.packed.shape[1] // 2
    down = PackedExperts(
        np.ascontiguousarray(first.packed[:, :half]),
        np.ascontiguousarray(first.scales[:, :half]),
        np.zeros((CONFIG.num_experts, HIDDEN), np.float32),
    )
    return ExpertWeights(
        np.ones(HIDDEN, np.float32),
        linear(CONFIG.num_experts, HIDDEN),
        PackedExperts(first.packed, first.scales, first.bias),
        down,
    )


def adapter(width: int, out: int) -> tuple[Tensor, Tensor]:
    return parameter(RANK, width), parameter(out, RANK)


def expert_adapter(width: int, out: int) -> tuple[Tensor, Tensor]:
    rows = CONFIG.num_experts * RANK
    return parameter(rows, width), parameter(out, rows)


def parameter(*shape: int) -> Tensor:
    return torch.from_numpy(floats(*shape) * np.float32(0.02)).requires_grad_()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isa")
    options = parser.parse_args()
    torch.set_num_threads(1)
    backend = Backend(isa=options.isa, threads=1)
    arithmetic = Arithmetic(backend, TrainingBackend(backend))
    found, peaks = Speeds({}, {}), [peak(arithmetic)]
    for entries in ENTRIES:
        experts_products(arithmetic, entries, found)
        dense_products(arithmetic, entries, found)
        peaks.append(peak(arithmetic))
    for tokens in TOKENS:
        for kind in (LayerType.FULL, LayerType.SLIDING):
            attention_core(arithmetic.training, tokens, kind, found)
        layer(arithmetic, tokens, found)
        peaks.append(peak(arithmetic))
    report(arithmetic, statistics.median(peaks), found)


def report(arithmetic: Arithmetic, of_machine: float, found: Speeds) -> None:
    """Print a table, and add to the committed results."""
    isa, precision = arithmetic.backend.isa, arithmetic.precision
    title = f"{machine_name()}, {isa}, one core: {precision} peak {of_machine:.0f} GFLOP/s"
    table = Table("what", "GFLOP/s", "of peak", "ms a token", title=title)
    metrics: dict[str, object] = {"peak_gflops": round(of_machine, 1)}
    for name, value in found.gflops.items():
        metrics[f"{name}_gflops"] = round(value, 1)
        took = found.ms_per_token.get(name)
        table.add_row(
            name, f"{value:.0f}", f"{value / of_machine:.0%}", "" if took is None else f"{took:.2f}"
        )
    for name, value in found.ms_per_token.items():
        metrics[f"{name}_ms_per_token"] = round(value, 3)
        if name not in found.gflops:
            table.add_row(name, "", "", f"{value:.3f}")
    common = {"isa": isa, "threads": 1, "model": "20b", "precision": precision}
    append("training_kernels.csv", common, metrics)
    Console().print(table)


if __name__ == "__main__":
    main()
