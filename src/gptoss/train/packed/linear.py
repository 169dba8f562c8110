"""Products with frozen matrices, which pass gradients on to their inputs."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gptoss.model.weights import Linear
from gptoss.train.packed.arithmetic import Arithmetic


class _Linears(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, arithmetic: Arithmetic, linears: tuple[Linear, ...], x: Tensor) -> Tensor:
        ctx.arithmetic, ctx.linears, ctx.width = arithmetic, linears, x.shape[1]
        out = torch.empty(len(x), sum(len(linear.bias) for linear in linears))
        begin = 0
        for linear in linears:
            end = begin + len(linear.bias)
            arithmetic.linear(x.detach().numpy(), linear, out.numpy()[:, begin:end])
            begin = end
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[None, None, Tensor]:
        d_x = torch.empty(len(d), ctx.width)
        begin = 0
        for linear in ctx.linears:
            end = begin + len(linear.bias)
            part = d.numpy()[:, begin:end]
            ctx.arithmetic.transposed(part, linear.weight, d_x.numpy(), add=begin > 0)
            begin = end
        return None, None, d_x


def linears(arithmetic: Arithmetic, x: Tensor, weights: tuple[Linear, ...]) -> Tensor:
    """x (tokens, in) by each transposed weight, plus bias, side by side."""
    return cast(Tensor, _Linears.apply(arithmetic, weights, x.contiguous()))  # type: ignore[no-untyped-call]
