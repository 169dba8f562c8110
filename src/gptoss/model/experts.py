"""The mixture of experts: norm, router, and the chosen experts' feed-forward networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gptoss.kernels import Activations, Float32, Int32
from gptoss.model.config import Config
from gptoss.model.weights import ExpertProjection, ExpertWeights, Mxfp4Experts
from gptoss.model.workspace import Workspace


@dataclass(frozen=True)
class Assignment:
    """Which token goes to which expert, as entries sorted by expert.

    rows (entries): an entry's token; offsets (experts + 1): expert e has the entries offsets[e] to
    offsets[e + 1]; entries (tokens, k): a token's entries in the order of its router weights.
    """

    rows: Int32
    offsets: Int32
    entries: Int32

    @classmethod
    def of(cls, expert_ids: Int32, num_experts: int) -> Assignment:
        """Sort the choices, expert_ids (tokens, k), so that each expert's come together."""
        flat = expert_ids.reshape(-1)
        order = np.argsort(flat, kind="stable")
        offsets = np.zeros(num_experts + 1, np.int32)
        np.cumsum(np.bincount(flat, minlength=num_experts), out=offsets[1:])
        entries = np.empty(len(flat), np.int32)
        entries[order] = np.arange(len(flat), dtype=np.int32)
        rows = (order // expert_ids.shape[1]).astype(np.int32)
        return cls(rows, offsets, entries.reshape(expert_ids.shape))


class Experts:
    """The experts of one layer and their router."""

    def __init__(self, config: Config, weights: ExpertWeights, workspace: Workspace) -> None:
        self._config = config
        self._weights = weights
        self._workspace = workspace

    def add_to(self, hidden: Float32) -> None:
        """Add the chosen experts' weighted sum to the residual stream, (tokens, hidden_size)."""
        config, weights, workspace = self._config, self._weights, self._workspace
        backend = workspace.backend
        normed = workspace.floats("normed", *hidden.shape)
        backend.rms_norm(hidden, weights.norm, normed, eps=config.rms_norm_eps)
        expert_ids, router_weights = self._route(normed)
        assignment = Assignment.of(expert_ids, config.num_experts)
        num_entries = len(assignment.rows)

        gate_up = workspace.floats("gate_up", num_entries, 2 * config.intermediate_size)
        x = workspace.activation("normed", normed)
        self._project(x, assignment.rows, assignment.offsets, weights.gate_up, gate_up)
        inner = workspace.floats("inner", num_entries, config.intermediate_size)
        backend.swiglu(gate_up, inner, alpha=config.swiglu_alpha, limit=config.swiglu_limit)

        down = workspace.floats("down", num_entries, config.hidden_size)
        x = workspace.activation("inner", inner)
        in_order = np.arange(num_entries, dtype=np.int32)
        self._project(x, in_order, assignment.offsets, weights.down, down)
        backend.combine(down, assignment.entries, router_weights, hidden)

    def _route(self, normed: Float32) -> tuple[Int32, Float32]:
        """Expert ids and router weights, each (tokens, k). The input is never rounded: a choice
        near a tie would change with the precision."""
        config, router = self._config, self._weights.router
        backend, tokens = self._workspace.backend, len(normed)
        logits = self._workspace.floats("router logits", tokens, config.num_experts)
        backend.matmul(normed, router.weight, router.bias, logits)
        expert_ids = np.empty((tokens, config.experts_per_token), np.int32)
        router_weights = np.empty((tokens, config.experts_per_token), np.float32)
        backend.route(logits, expert_ids, router_weights)
        return expert_ids, router_weights

    def _project(
        self, x: Activations, rows: Int32, offsets: Int32, weights: ExpertProjection, out: Float32
    ) -> None:
        backend = self._workspace.backend
        if isinstance(weights, Mxfp4Experts):
            backend.mxfp4_matmul(
                x, rows, offsets, weights.blocks, weights.scales, weights.bias, out
            )
        else:
            backend.expert_matmul(x, rows, offsets, weights.weight, weights.bias, out)
