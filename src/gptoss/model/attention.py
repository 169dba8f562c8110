"""Grouped-query attention with sinks: norm, projections, rotation, cache, output."""

from __future__ import annotations

import math

from gptoss.kernels import Activations, Float32
from gptoss.model.batch import Step
from gptoss.model.config import Config, LayerType
from gptoss.model.weights import AttentionWeights
from gptoss.model.workspace import Workspace


class Attention:
    """The attention of one layer."""

    def __init__(
        self, config: Config, kind: LayerType, weights: AttentionWeights, workspace: Workspace
    ) -> None:
        self._config = config
        self._kind = kind
        self._weights = weights
        self._workspace = workspace

    def add_to(self, hidden: Float32, step: Step, pages: Activations) -> None:
        """Add this layer's attention to the residual stream, hidden (tokens, hidden_size).

        `pages` are this layer's, and receive the keys and values of the step's tokens.
        """
        config, weights, workspace = self._config, self._weights, self._workspace
        backend = workspace.backend
        tokens = len(hidden)
        qkv = self._project(hidden)
        places = step.places[self._kind]
        backend.rope_store(qkv, step.cos, step.sin, pages, places.slots)
        output, width = weights.output, config.num_heads * config.head_dim
        attended = workspace.floats("attended", tokens, width)
        rounded = workspace.rounded("attended", attended, output.weight)
        backend.attention(
            qkv,
            pages,
            places.page_table,
            step.sequence_index,
            step.positions,
            weights.sinks,
            attended.reshape(tokens, config.num_heads, config.head_dim),
            window=config.sliding_window if self._kind is LayerType.SLIDING else 0,
            scale=1 / math.sqrt(config.head_dim),
            rounded=rounded,
        )
        x = attended if rounded is None else rounded
        workspace.multiply(x, output.weight, output.bias, hidden, add=True)

    def _project(self, hidden: Float32) -> Float32:
        """Queries, keys and values of the norm, (tokens, heads + 2 * kv_heads, head_dim)."""
        config, weights, workspace = self._config, self._weights, self._workspace
        tokens, heads = len(hidden), config.num_heads + 2 * config.num_kv_heads
        normed = workspace.floats("normed", *hidden.shape)
        rounded = workspace.rounded("normed", normed, weights.qkv[0].weight)
        workspace.backend.rms_norm(
            hidden, weights.norm, normed, eps=config.rms_norm_eps, rounded=rounded
        )
        x = normed if rounded is None else rounded
        out = workspace.floats("qkv", tokens, heads * config.head_dim)
        begin = 0
        for linear in weights.qkv:
            end = begin + len(linear.bias)
            workspace.multiply(x, linear.weight, linear.bias, out[:, begin:end])
            begin = end
        return out.reshape(tokens, heads, config.head_dim)
