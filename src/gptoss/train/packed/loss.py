"""The loss of the tokens that count, a few rows of logits at a time."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gptoss.model.weights import Int8Matrix, Matrix
from gptoss.train.packed.arithmetic import Arithmetic

# Of logits: 103 MB with the 20B's vocabulary, and enough for the head to be read seldom.
ROWS = 128


def head_loss(
    arithmetic: Arithmetic,
    normed: Tensor,
    head: Matrix,
    targets: Tensor,
    weights: Tensor,
    *,
    losses: Tensor | None = None,
) -> Tensor:
    """The sum of each token's cross-entropy times its weight; tokens of weight zero cost nothing.

    normed (tokens, hidden) is the final norm's output; targets (tokens) int64 and weights (tokens) float32 are of the
    token after each. Divide by what a mean should count. `losses` (tokens) takes those that
    count, unweighted.
    """
    return cast(Tensor, _HeadLoss.apply(arithmetic, head, normed, targets, weights, losses))  # type: ignore[no-untyped-call]


class _HeadLoss(torch.autograd.Function):
    """The gradient is computed with the loss, so that no logits are kept or computed twice."""

    @staticmethod
    def forward(
        ctx: Any,
        arithmetic: Arithmetic,
        head: Matrix,
        normed: Tensor,
        targets: Tensor,
        weights: Tensor,
        each: Tensor | None,
    ) -> Tensor:
        vocabulary = head.num_rows if isinstance(head, Int8Matrix) else len(head)
        counted = weights.nonzero().flatten()
        gradient = torch.zeros_like(normed) if ctx.needs_input_grad[2] else None
        total = torch.zeros((), dtype=torch.float64)
        for begin in range(0, len(counted), ROWS):
            rows = counted[begin : begin + ROWS]
            x = normed.detach().index_select(0, rows)
            logits = torch.from_numpy(arithmetic.workspace.floats("logits", len(rows), vocabulary))
            arithmetic.logits(x.numpy(), head, logits.numpy())
            target, weight = targets[rows, None], weights[rows, None]
            log_sums = logits.logsumexp(dim=1, keepdim=True)
            losses = log_sums - logits.gather(1, target)
            total += (losses * weight).sum(dtype=torch.float64)
            if each is not None:
                each[rows] = losses[:, 0]
            if gradient is None:
                continue
            d_logits = logits.sub_(log_sums).exp_()
            d_logits.scatter_add_(1, target, torch.full_like(weight, -1.0)).mul_(weight)
            arithmetic.transposed(d_logits.numpy(), head, x.numpy(), add=False)
            gradient[rows] = x
        ctx.save_for_backward(gradient)
        return total.float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[None, None, Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return None, None, gradient * d_loss, None, None, None
