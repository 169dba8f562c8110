"""The training kernels in plain NumPy, sums in float64: the definition of right, that the C++ ones are tested by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels.arrays import Activations, Bfloat16Bits, Bytes, Float32, Int32
from gptoss.kernels.reference_blocks import Float64, unpack_int8, unpack_mxfp4, widen


class TrainingBackend:
    """`gptoss.kernels.TrainingKernels` in NumPy; see there for what each method takes."""

    def mxfp4_transposed(
        self,
        x: Activations,
        rows: Int32,
        offsets: Int32,
        blocks: Bytes,
        scales: Bytes,
        out: Float32,
    ) -> None:
        """Entry i, of expert e: row rows[i] of x by e's MXFP4 weight."""
        wide = widen(x)
        for expert, (begin, end) in enumerate(itertools.pairwise(offsets)):
            weight = unpack_mxfp4(blocks[expert], scales[expert])
            out[begin:end] = wide[rows[begin:end]] @ weight

    def int8_transposed(
        self, x: Float32, blocks: Bytes, scales: Bfloat16Bits, out: Float32, *, add: bool = False
    ) -> None:
        """x by the weights of `pack_int8`, those that fill up the last group included."""
        product = widen(x) @ unpack_int8(blocks, scales)
        out[...] = product + out if add else product

    def bf16_transposed(
        self, x: Float32, weight: Bfloat16Bits, out: Float32, *, add: bool = False
    ) -> None:
        """x by the weight."""
        product = widen(x) @ widen(weight)
        out[...] = product + out if add else product

    def add_product(self, a: Float32, b: Float32, out: Float32) -> None:
        """out + a b."""
        out[...] = out + a.astype(np.float64) @ b.astype(np.float64)

    def swiglu_gradient(
        self, gate_up: Float32, d_out: Float32, d_gate_up: Float32, *, alpha: float, limit: float
    ) -> None:
        """With s the sigmoid: s * (1 + alpha * gate * (1 - s)) * (up + 1) for gates, gate * s for ups."""
        gates, ups = gate_up[:, 0::2].astype(np.float64), gate_up[:, 1::2].astype(np.float64)
        gate, up = np.minimum(gates, limit), np.clip(ups, -limit, limit)
        with np.errstate(over="ignore"):
            sigmoid = 1 / (1 + np.exp(-alpha * gate))
        slope = sigmoid * (1 + alpha * gate * (1 - sigmoid))
        d_gate_up[:, 0::2] = np.where(gates > limit, 0, d_out * (up + 1) * slope)
        d_gate_up[:, 1::2] = np.where(np.abs(ups) > limit, 0, d_out * gate * sigmoid)

    def attention(
        self,
        qkv: Float32,
        starts: Int32,
        sinks: Float32,
        out: Float32,
        log_sums: Float32,
        *,
        window: int,
        scale: float,
    ) -> None:
        """Each sample and head on its own, by a whole matrix of scores."""
        for head in _heads(qkv, starts, sinks, window, scale):
            out[head.tokens, head.number] = head.weights @ head.value
            log_sums[head.tokens, head.number] = head.log_sums

    def attention_gradient(
        self,
        qkv: Float32,
        starts: Int32,
        sinks: Float32,
        out: Float32,
        log_sums: Float32,
        d_out: Float32,
        shares: Float32,
        d_qkv: Float32,
        d_sinks: Float32,
        *,
        window: int,
        scale: float,
    ) -> None:
        """The softmax's derivative; the sink's value is zero, so that only its share remains of its gradient."""
        gradient = np.zeros(qkv.shape)
        d_sink = np.zeros(len(sinks))
        shares[...] = (d_out.astype(np.float64) * out).sum(-1)
        for head in _heads(qkv, starts, sinks, window, scale):
            d_of = d_out[head.tokens, head.number].astype(np.float64)
            share = (d_of * (head.weights @ head.value)).sum(-1)
            d_scores = head.weights * (d_of @ head.value.T - share[:, None]) * scale
            gradient[head.tokens, head.number] = d_scores @ head.key
            gradient[head.tokens, head.key_number] += d_scores.T @ head.query
            gradient[head.tokens, head.value_number] += head.weights.T @ d_of
            d_sink[head.number] -= (np.exp(sinks[head.number] - head.log_sums) * share).sum()
        d_qkv[...] = gradient
        d_sinks[...] = d_sink


@dataclass(frozen=True)
class _Head:
    """One query head of one sample: its vectors, and its softmax."""

    tokens: slice
    number: int
    key_number: int
    value_number: int
    query: Float64
    key: Float64
    value: Float64
    weights: Float64
    log_sums: Float64


def _heads(
    qkv: Float32, starts: Int32, sinks: Float32, window: int, scale: float
) -> Iterator[_Head]:
    heads = len(sinks)
    kv_heads = (qkv.shape[1] - heads) // 2
    wide = qkv.astype(np.float64)
    for begin, end in itertools.pairwise(starts):
        hidden = _hidden(int(end - begin), window)
        for number in range(heads):
            key_number = heads + number // (heads // kv_heads)
            value_number = key_number + kv_heads
            query, key, value = (wide[begin:end, n] for n in (number, key_number, value_number))
            scores = np.where(hidden, -np.inf, query @ key.T * scale)
            # The sink can be the largest logit, so it takes part in the maximum.
            largest = np.maximum(scores.max(axis=-1), sinks[number])
            exponentials = np.exp(scores - largest[:, None])
            total = exponentials.sum(axis=-1) + np.exp(sinks[number] - largest)
            weights, log_sums = exponentials / total[:, None], largest + np.log(total)
            yield _Head(
                slice(int(begin), int(end)),
                number,
                key_number,
                value_number,
                query,
                key,
                value,
                weights,
                log_sums,
            )


def _hidden(length: int, window: int) -> NDArray[np.bool_]:
    """(queries, keys) of a sample: which keys a query does not see."""
    distance = np.subtract.outer(np.arange(length), np.arange(length))
    hidden: NDArray[np.bool_] = distance < 0
    return hidden | (distance >= window) if window else hidden
