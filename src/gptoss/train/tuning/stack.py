"""Loss and gradients of a pack, layer by layer: of each layer its input is kept, and all else is computed again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gptoss.kernels import Int32
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.config import Config
from gptoss.model.encoded import EncodedMatrix
from gptoss.model.rope import RotaryTables
from gptoss.model.weights import ModelWeights
from gptoss.train.data.loss_weights import TokenKind
from gptoss.train.data.packs import Pack
from gptoss.train.packed import Arithmetic, AttentionLayer, ExpertsLayer, Samples, head_loss
from gptoss.train.tuning.parameters import AdapterParameters


@dataclass(frozen=True, slots=True)
class PackLoss:
    """Sums over the targets of a pack.

    loss     of cross-entropies by their weights
    weight   of all weights
    of_kind  for each TokenKind the sum of cross-entropies, unweighted, and how many there are
    """

    loss: float
    weight: float
    of_kind: dict[TokenKind, tuple[float, int]]


class Stack:
    """All layers of a model over packed weights, with the parameters that learn."""

    def __init__(
        self,
        config: Config,
        weights: ModelWeights,
        arithmetic: Arithmetic,
        parameters: AdapterParameters,
    ) -> None:
        self._config, self._weights, self._arithmetic = config, weights, arithmetic
        self.parameters = parameters
        self.first = parameters.options.first
        self.hidden_size = config.hidden_size
        self._rotary = RotaryTables(config.rope, config.head_dim)
        self._norm = torch.from_numpy(weights.norm)
        self._layers = [
            (
                AttentionLayer(arithmetic, config, kind, layer.attention),
                ExpertsLayer(arithmetic, config, layer.experts),
            )
            for kind, layer in zip(config.layer_types, weights.layers, strict=True)
        ]

    def prefix(self, pack: Pack, on_layer: Callable[[], None] = lambda: None) -> Tensor:
        """The residual stream (tokens, hidden) that the first layer that learns reads: the same in every epoch."""
        samples = self._samples(pack)
        hidden = self._embed(pack.token_ids)
        with torch.no_grad():
            for number in range(self.first):
                hidden, _ = self._forward(number, hidden, samples, None)
                on_layer()
        return hidden

    def loss(
        self, pack: Pack, prefix: Tensor | None = None, on_layer: Callable[[], None] = lambda: None
    ) -> PackLoss:
        """The loss alone."""
        hidden = self.prefix(pack, on_layer) if prefix is None else prefix
        samples = self._samples(pack)
        with torch.no_grad():
            for number in range(self.first, self._config.num_layers):
                hidden, _ = self._forward(number, hidden, samples, None)
                on_layer()
            return self._head(pack, hidden)[1]

    def backward(
        self,
        pack: Pack,
        scale: float,
        prefix: Tensor | None = None,
        on_layer: Callable[[], None] = lambda: None,
    ) -> PackLoss:
        """The loss; adds the gradients of `scale` times it to those of the parameters.

        on_layer  called after each layer, in both directions; what it raises ends the pass
        """
        hidden = self.prefix(pack, on_layer) if prefix is None else prefix
        samples = self._samples(pack)
        inputs: list[Tensor] = []
        choices: list[Int32] = []
        with torch.no_grad():
            for number in range(self.first, self._config.num_layers):
                inputs.append(hidden)
                hidden, chosen = self._forward(number, hidden, samples, None)
                choices.append(chosen)
                on_layer()
        last = hidden.detach().requires_grad_()
        total, loss = self._head(pack, last)
        torch.autograd.backward(total * scale)
        gradient = last.grad
        for number in reversed(range(self.first, self._config.num_layers)):
            # The lowest one's input is nobody's output that learns.
            x = inputs.pop().detach().requires_grad_(number > self.first)
            out, _ = self._forward(number, x, samples, choices.pop())
            torch.autograd.backward(out, gradient)
            gradient = x.grad
            on_layer()
        return loss

    def _forward(
        self, number: int, hidden: Tensor, samples: Samples, chosen: Int32 | None
    ) -> tuple[Tensor, Int32]:
        """One layer; `chosen`: the experts of each token as they were chosen before, so that no tie falls otherwise."""
        attention, experts = self._layers[number]
        own = self.parameters.layers[number]
        hidden = hidden + attention(hidden, samples, own.attention)
        normed = experts.norm(hidden)
        routing = experts.route(normed, chosen)
        return hidden + experts(normed, routing, own.experts), routing.ids

    def _head(self, pack: Pack, hidden: Tensor) -> tuple[Tensor, PackLoss]:
        eps = self._config.rms_norm_eps
        # A token may be predicted from where another was as well.
        rows = hidden.index_select(0, torch.from_numpy(pack.sources))
        normed = functional.rms_norm(rows, rows.shape[1:], self._norm, eps)
        targets = torch.from_numpy(pack.targets.astype(np.int64))
        weights = torch.from_numpy(pack.weights)
        losses = torch.zeros(len(targets))
        total = head_loss(
            self._arithmetic, normed, self._weights.head, targets, weights, losses=losses
        )
        of_kind = {}
        for kind in TokenKind:
            found = losses[torch.from_numpy(pack.kinds == kind.number)]
            if len(found):
                of_kind[kind] = float(found.sum(dtype=torch.float64)), len(found)
        return total, PackLoss(
            float(total.detach()), float(weights.sum(dtype=torch.float64)), of_kind
        )

    def _samples(self, pack: Pack) -> Samples:
        ranges = [(*piece.context, (piece.start, piece.end)) for piece in pack.pieces]
        return Samples.sharing(ranges, self._rotary)

    def _embed(self, token_ids: Int32) -> Tensor:
        embedding = self._weights.embedding
        if not isinstance(embedding, EncodedMatrix):
            return torch.from_numpy(bf16_to_float32(embedding[token_ids]))
        rows = np.empty((len(token_ids), self._config.hidden_size), np.uint16)
        embedding.decode_to(rows, token_ids.astype(np.int64), self._arithmetic.backend)
        return torch.from_numpy(bf16_to_float32(rows))
