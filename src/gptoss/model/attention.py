"""Grouped-query attention with sinks: norm, projections, rotation, cache, output."""

from __future__ import annotations

import math

from gptoss.kernels import Activations, Float32
from gptoss.model.batch import Step
from gptoss.model.config import Config, LayerType
from gptoss.model.weights import AttentionWeights, Linear
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
        x = workspace.activation("normed", normed)
        query = self._project("query", x, weights.query, config.num_heads)
        key = self._project("key", x, weights.key, config.num_kv_heads)
        value = self._project("value", x, weights.value, config.num_kv_heads)
        backend.rope(query, step.cos, step.sin)
        backend.rope(key, step.cos, step.sin)
        places = step.places[self._kind]
        backend.store_kv(key, value, pages, places.slots)
        attended = workspace.floats("attended", *query.shape)
        backend.attention(
            query,
            pages,
            places.page_table,
            step.sequence_index,
            step.positions,
            weights.sinks,
            attended,
            window=config.sliding_window if self._kind is LayerType.SLIDING else 0,
            scale=1 / math.sqrt(config.head_dim),
        )
        x = workspace.activation("attended", attended.reshape(tokens, -1))
        output = workspace.floats("output", *hidden.shape)
        backend.matmul(x, weights.output.weight, weights.output.bias, output)
        hidden += output

    def _project(self, name: str, x: Activations, linear: Linear, heads: int) -> Float32:
        """(tokens, heads, head_dim)"""
        tokens, head_dim = len(x), self._config.head_dim
        out = self._workspace.floats(name, tokens, heads * head_dim)
        self._workspace.backend.matmul(x, linear.weight, linear.bias, out)
        return out.reshape(tokens, heads, head_dim)
