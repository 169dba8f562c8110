"""The chosen experts of one layer, forward and backward, without a graph.

Experts are computed one after the other, some entries at a time, so that buffers are small and a sum has one order. An
entry is a token at one of its experts. The backward pass computes the first projection again. With an entry's router
weight w, hidden h = swiglu(gate_up) and gradient d of the layer's output, g = (down + LoRA)' d serves twice: the
gradient of w is g . h + d . bias, so that the second projection need not be computed again, and that of h is w g.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gptoss.kernels import Int32
from gptoss.model.config import Config
from gptoss.model.weights import ExpertWeights
from gptoss.train.packed.arithmetic import Arithmetic
from gptoss.train.packed.expert_lora import ExpertMatrices

# Entries computed together: products run at full speed from some hundred on, and their largest buffer, a 20B layer's
# first projection, has 24 MB.
MOST_ENTRIES = 1024


@dataclass(frozen=True)
class _Entries:
    """Entries sorted by expert: their tokens, where each expert's begin, and the entry of each choice (tokens, k)."""

    tokens: Tensor
    offsets: Int32
    of_choice: Tensor

    def pieces(self) -> Iterator[tuple[int, slice]]:
        """Some entries of one expert at a time."""
        for expert, end in enumerate(self.offsets[1:]):
            for begin in range(int(self.offsets[expert]), int(end), MOST_ENTRIES):
                yield expert, slice(begin, min(begin + MOST_ENTRIES, int(end)))


@dataclass(frozen=True)
class MixtureInputs:
    """What the experts are given: x (tokens, hidden); ids, weights (tokens, k); LoRA of both projections or None."""

    x: Tensor
    ids: Int32
    weights: Tensor
    gate_up: ExpertMatrices | None
    down: ExpertMatrices | None


class Mixture:
    """The experts of one layer."""

    def __init__(self, arithmetic: Arithmetic, config: Config, weights: ExpertWeights) -> None:
        self.arithmetic = arithmetic
        self._config = config
        self._weights = weights
        self._down_bias = torch.from_numpy(weights.down.bias)

    def forward(self, given: MixtureInputs) -> Tensor:
        """The weighted sum of each token's experts, (tokens, hidden)."""
        entries = self._assign(given.ids)
        weights = _by_entry(given.weights, entries)
        out = torch.zeros_like(given.x)
        for expert, piece in entries.pieces():
            tokens = entries.tokens[piece]
            _, _, inner = self._inner(given, expert, tokens)
            result = self._floats("result", len(tokens), self._config.hidden_size)
            self.arithmetic.expert(inner.numpy(), self._weights.down, expert, result.numpy())
            if given.down is not None:
                given.down.add(expert, inner, result)
            # An expert has a token once, so that no two rows meet.
            out.index_add_(0, tokens, result.mul_(weights[piece, None]))
        return out

    def backward(self, given: MixtureInputs, d_out: Tensor, d_x: Tensor | None) -> Tensor:
        """The gradient of weights; adds those of x to d_x, where it is wanted, and of LoRA to its own."""
        entries = self._assign(given.ids)
        weights = _by_entry(given.weights, entries)
        d_weights = torch.empty_like(weights)
        for expert, piece in entries.pieces():
            tokens = entries.tokens[piece]
            inputs, gate_up, inner = self._inner(given, expert, tokens)
            d_result = self._gather("d_result", d_out, tokens)
            d_inner = self._floats("d_inner", *inner.shape)
            self.arithmetic.expert_transposed(
                d_result.numpy(), self._weights.down, expert, d_inner.numpy()
            )
            if given.down is not None:
                given.down.add_transposed(expert, d_result, d_inner)
            bias = d_result @ self._down_bias[expert]
            d_weights[piece] = torch.linalg.vecdot(d_inner, inner) + bias
            d_inner.mul_(weights[piece, None])
            if given.down is not None:
                given.down.accumulate(expert, inner, d_result.mul_(weights[piece, None]))
            self._gate_up_backward(given, expert, tokens, (inputs, gate_up, d_inner), d_x)
        return d_weights[entries.of_choice]

    def _gate_up_backward(
        self,
        given: MixtureInputs,
        expert: int,
        tokens: Tensor,
        piece: tuple[Tensor, Tensor, Tensor],
        d_x: Tensor | None,
    ) -> None:
        """`piece`: inputs, gate_up, which becomes its own gradient, and the gradient of its swiglu."""
        inputs, gate_up, d_inner = piece
        self.arithmetic.training.swiglu_gradient(
            gate_up.numpy(),
            d_inner.numpy(),
            gate_up.numpy(),
            alpha=self._config.swiglu_alpha,
            limit=self._config.swiglu_limit,
        )
        if given.gate_up is not None:
            given.gate_up.accumulate(expert, inputs, gate_up)
        if d_x is None:
            return
        d_inputs = self._floats("d_inputs", *inputs.shape)
        self.arithmetic.expert_transposed(
            gate_up.numpy(), self._weights.gate_up, expert, d_inputs.numpy()
        )
        if given.gate_up is not None:
            given.gate_up.add_transposed(expert, gate_up, d_inputs)
        d_x.index_add_(0, tokens, d_inputs)

    def _inner(
        self, given: MixtureInputs, expert: int, tokens: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs of some entries, their first projection, and its swiglu."""
        width = self._config.intermediate_size
        inputs = self._gather("inputs", given.x, tokens)
        gate_up = self._floats("gate_up", len(tokens), 2 * width)
        inner = self._floats("inner", len(tokens), width)
        self.arithmetic.expert(inputs.numpy(), self._weights.gate_up, expert, gate_up.numpy())
        if given.gate_up is not None:
            given.gate_up.add(expert, inputs, gate_up)
        self.arithmetic.backend.swiglu(
            gate_up.numpy(),
            inner.numpy(),
            alpha=self._config.swiglu_alpha,
            limit=self._config.swiglu_limit,
        )
        return inputs, gate_up, inner

    def _assign(self, ids: Int32) -> _Entries:
        tokens = np.empty(ids.size, np.int32)
        offsets = np.empty(self._config.num_experts + 1, np.int32)
        of_choice = np.empty(ids.shape, np.int32)
        self.arithmetic.backend.assign(ids, tokens, offsets, of_choice)
        return _Entries(torch.from_numpy(tokens), offsets, torch.from_numpy(of_choice).long())

    def _gather(self, name: str, x: Tensor, tokens: Tensor) -> Tensor:
        out = self._floats(name, len(tokens), x.shape[1])
        return torch.index_select(x, 0, tokens, out=out)

    def _floats(self, name: str, *shape: int) -> Tensor:
        return torch.from_numpy(self.arithmetic.workspace.floats(name, *shape))


def _by_entry(weights: Tensor, entries: _Entries) -> Tensor:
    out = torch.empty(weights.numel())
    out[entries.of_choice.flatten()] = weights.flatten()
    return out
