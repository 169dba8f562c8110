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
        normed = workspace.floats("normed", *hidden.shape)
        backend.rms_norm(hidden, weights.norm, normed, eps=config.rms_norm_eps)
        qkv = self._project(normed)
        places = step.places[self._kind]
        backend.rope_store(qkv, step.cos, step.sin, pages, places.slots)
        attended = workspace.floats("attended", tokens, config.num_heads, config.head_dim)
        backend.attention(
            qkv,
            pages,
            places.page_table,
            step.sequence_index,
            step.positions,
            weights.sinks,
            attended,
            window=config.sliding_window if self._kind is LayerType.SLIDING else 0,
            scale=1 / math.sqrt(config.head_dim),
        )
        output = weights.output
        x = workspace.activation("attended", attended.reshape(tokens, -1), output.weight)
        workspace.multiply(x, output.weight, output.bias, hidden, add=True)

    def _project(self, normed: Float32) -> Float32:
        """Queries, keys and values, (tokens, heads + 2 * kv_heads, head_dim)."""
        config, workspace, tokens = self._config, self._workspace, len(normed)
        heads = config.num_heads + 2 * config.num_kv_heads
        out = workspace.floats("qkv", tokens, heads * config.head_dim)
        x = workspace.activation("normed", normed, self._weights.qkv[0].weight)
        begin = 0
        for linear in self._weights.qkv:
            end = begin + len(linear.bias)
            workspace.multiply(x, linear.weight, linear.bias, out[:, begin:end])
            begin = end
        return out.reshape(tokens, heads, config.head_dim)
