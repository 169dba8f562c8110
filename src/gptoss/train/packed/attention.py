"""One layer's attention over packed weights: norm, projections with LoRA, rotation, sinks, output."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from gptoss.model.config import Config, LayerType
from gptoss.model.weights import AttentionWeights
from gptoss.train.packed.arithmetic import Arithmetic
from gptoss.train.packed.linear import linears
from gptoss.train.packed.lora import AttentionLora
from gptoss.train.packed.samples import Samples


class AttentionLayer:
    """The attention of one layer, differentiable by its input, LoRA and sinks."""

    def __init__(
        self, arithmetic: Arithmetic, config: Config, kind: LayerType, weights: AttentionWeights
    ) -> None:
        self._arithmetic = arithmetic
        self._config = config
        self._weights = weights
        self._window = config.sliding_window if kind is LayerType.SLIDING else 0
        self._norm = torch.from_numpy(weights.norm)
        self._sinks = torch.from_numpy(weights.sinks)

    def __call__(
        self, hidden: Tensor, samples: Samples, lora: AttentionLora | None = None
    ) -> Tensor:
        """What the layer adds to the residual stream, hidden (tokens, hidden_size)."""
        lora, weights = lora or AttentionLora(), self._weights
        normed = functional.rms_norm(
            hidden, hidden.shape[1:], self._norm, self._config.rms_norm_eps
        )
        sinks = self._sinks if lora.sinks is None else lora.sinks
        qkv = self._project(normed, lora)
        if samples.rows is not None:
            qkv = qkv.index_select(0, samples.rows)
        attended = _Attend.apply(self._arithmetic, samples, self._window, qkv, sinks)  # type: ignore[no-untyped-call]
        flat = cast(Tensor, attended).flatten(1)
        if samples.own is not None:
            flat = flat.index_select(0, samples.own)
        out = linears(self._arithmetic, flat, (weights.output,))
        return out if lora.output is None else out + lora.output(flat)

    def _project(self, normed: Tensor, lora: AttentionLora) -> Tensor:
        """Queries, keys and values, (tokens, heads + 2 * kv_heads, head_dim)."""
        config = self._config
        qkv = linears(self._arithmetic, normed, self._weights.qkv)
        parts = (
            (lora.query, config.num_heads),
            (lora.key, config.num_kv_heads),
            (lora.value, config.num_kv_heads),
        )
        begin = 0
        for part, heads in parts:
            end = begin + heads * config.head_dim
            if part is not None:
                qkv[:, begin:end] += part(normed)
            begin = end
        return qkv.view(len(qkv), -1, config.head_dim)


class _Attend(torch.autograd.Function):
    """Rotation, then attention within samples: (tokens, heads, head_dim)."""

    @staticmethod
    def forward(
        ctx: Any, arithmetic: Arithmetic, samples: Samples, window: int, qkv: Tensor, sinks: Tensor
    ) -> Tensor:
        tokens, _, head_dim = qkv.shape
        rotated = qkv.contiguous().clone()
        heads = len(sinks)
        rotate(_turned(rotated, heads), samples.cos, samples.sin)
        out = torch.empty(tokens, heads, head_dim)
        log_sums = torch.empty(tokens, heads)
        ctx.arithmetic, ctx.samples = arithmetic, samples
        ctx.limits = {"window": window, "scale": 1 / math.sqrt(head_dim)}
        arithmetic.training.attention(
            rotated.numpy(),
            samples.starts,
            sinks.detach().numpy(),
            out.numpy(),
            log_sums.numpy(),
            **ctx.limits,
        )
        ctx.save_for_backward(rotated, sinks, out, log_sums)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[None, None, None, Tensor, Tensor]:
        rotated, sinks, out, log_sums = ctx.saved_tensors
        samples = ctx.samples
        d_qkv, d_sinks = torch.empty_like(rotated), torch.empty_like(sinks)
        shares = ctx.arithmetic.workspace.floats("shares", *log_sums.shape)
        ctx.arithmetic.training.attention_gradient(
            rotated.numpy(),
            samples.starts,
            sinks.detach().numpy(),
            out.numpy(),
            log_sums.numpy(),
            d_out.contiguous().numpy(),
            shares,
            d_qkv.numpy(),
            d_sinks.numpy(),
            **ctx.limits,
        )
        # A rotation's transpose turns back.
        rotate(_turned(d_qkv, len(sinks)), samples.cos, -samples.sin)
        return None, None, None, d_qkv, d_sinks


def _turned(qkv: Tensor, heads: int) -> Tensor:
    """Queries and keys of qkv."""
    kv_heads = (qkv.shape[1] - heads) // 2
    return qkv[:, : heads + kv_heads]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Rotate x (tokens, heads, head_dim) in place: value i pairs with i + head_dim / 2.

    cos, sin (tokens, head_dim / 2).
    """
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos[:, None], sin[:, None]
    turned = first * cos - second * sin
    second.mul_(cos).addcmul_(first, sin)
    first.copy_(turned)
