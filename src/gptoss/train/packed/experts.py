"""One layer's mixture of experts over packed weights: norm, frozen router, and the chosen experts with LoRA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from gptoss.kernels import Int32
from gptoss.model.config import Config
from gptoss.model.weights import ExpertWeights
from gptoss.train.packed.arithmetic import Arithmetic
from gptoss.train.packed.expert_lora import ExpertMatrices
from gptoss.train.packed.linear import linears
from gptoss.train.packed.lora import ExpertLora, ExpertsLora
from gptoss.train.packed.mixture import Mixture, MixtureInputs


@dataclass(frozen=True)
class Routing:
    """The experts of each token: ids (tokens, k) int32, the largest first; weights (tokens, k), differentiable."""

    ids: Int32
    weights: Tensor


class ExpertsLayer:
    """The experts of one layer, differentiable by input and LoRA; gradients pass the router, which is frozen."""

    def __init__(self, arithmetic: Arithmetic, config: Config, weights: ExpertWeights) -> None:
        self._arithmetic = arithmetic
        self._config = config
        self._router = weights.router
        self._norm = torch.from_numpy(weights.norm)
        self._mixture = Mixture(arithmetic, config, weights)

    def norm(self, hidden: Tensor) -> Tensor:
        """What router and experts read of the residual stream."""
        return functional.rms_norm(hidden, hidden.shape[1:], self._norm, self._config.rms_norm_eps)

    def route(self, normed: Tensor, ids: Int32 | None = None) -> Routing:
        """The experts of each token, by `norm`'s output; `ids` (tokens, k) replays a choice made before."""
        logits = linears(self._arithmetic, normed, (self._router,))
        if ids is None:
            ids = np.empty((len(normed), self._config.experts_per_token), np.int32)
            # The softmax is made again, with its gradient.
            self._arithmetic.backend.route(
                logits.detach().numpy(), ids, np.empty(ids.shape, np.float32)
            )
        chosen = logits.gather(1, torch.from_numpy(ids).long())
        return Routing(ids, chosen.softmax(dim=-1))

    def __call__(self, normed: Tensor, routing: Routing, lora: ExpertsLora | None = None) -> Tensor:
        """What the experts add to the residual stream, (tokens, hidden_size), of `norm`'s output."""
        lora = lora or ExpertsLora()
        adapters = [
            matrix
            for part in (lora.gate_up, lora.down)
            for matrix in ((part.a, part.b) if part else (None, None))
        ]
        scales = (_scale(lora.gate_up), _scale(lora.down))
        added = _Experts.apply(  # type: ignore[no-untyped-call]
            self._mixture,
            self._config.num_experts,
            routing.ids,
            scales,
            normed.contiguous(),
            routing.weights.contiguous(),
            *adapters,
        )
        return cast(Tensor, added)


def _scale(part: ExpertLora | None) -> float:
    return 0.0 if part is None else part.scale


class _Experts(torch.autograd.Function):
    """Saves what it is given, and nothing that it computes."""

    @staticmethod
    def forward(
        ctx: Any,
        mixture: Mixture,
        num_experts: int,
        ids: Int32,
        scales: tuple[float, float],
        *tensors: Tensor | None,
    ) -> Tensor:
        ctx.mixture, ctx.num_experts, ctx.ids, ctx.scales = mixture, num_experts, ids, scales
        ctx.save_for_backward(*tensors)
        return mixture.forward(_inputs(ctx, tensors))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        given = _inputs(ctx, ctx.saved_tensors)
        d_x = torch.zeros_like(given.x) if ctx.needs_input_grad[4] else None
        d_weights = ctx.mixture.backward(given, d_out.contiguous(), d_x)
        adapters = [
            gradient
            for part in (given.gate_up, given.down)
            for gradient in ((None, None) if part is None else part.gradients())
        ]
        return None, None, None, None, d_x, d_weights, *adapters


def _inputs(ctx: Any, tensors: tuple[Tensor | None, ...]) -> MixtureInputs:
    x, weights, *adapters = (None if each is None else each.detach() for each in tensors)
    assert x is not None
    assert weights is not None
    parts = [
        None
        if a is None or b is None
        else ExpertMatrices(ctx.mixture.arithmetic, a, b, scale, ctx.num_experts)
        for a, b, scale in zip(adapters[::2], adapters[1::2], ctx.scales, strict=True)
    ]
    return MixtureInputs(x, ctx.ids, weights, *parts)
