"""The mixture of experts: norm, router, and the chosen experts' feed-forward networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gptoss.kernels import Activations, Float32, Int32
from gptoss.model.config import Config
from gptoss.model.weights import Bf16Experts, ExpertProjection, ExpertWeights, PackedExperts
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

        x = workspace.activation("normed", normed, weights.gate_up)
        inner = self._gate_up(x, assignment)
        x = workspace.activation("inner", inner, weights.down)
        down = workspace.floats("down", num_entries, config.hidden_size)
        in_order = np.arange(num_entries, dtype=np.int32)
        self._project(x, in_order, assignment.offsets, weights.down, down)
        backend.combine(down, assignment.entries, router_weights, hidden)

    def _gate_up(self, x: Activations, assignment: Assignment) -> Float32:
        """The first projection and its activation function, (entries, intermediate_size)."""
        config, workspace, weights = self._config, self._workspace, self._weights.gate_up
        limits = {"alpha": config.swiglu_alpha, "limit": config.swiglu_limit}
        rows, offsets = assignment.rows, assignment.offsets
        inner = workspace.floats("inner", len(rows), config.intermediate_size)
        if isinstance(weights, PackedExperts):
            workspace.backend.mxfp4_swiglu(
                x, rows, offsets, weights.blocks, weights.scales, weights.bias, inner, **limits
            )
            return inner
        gate_up = workspace.floats("gate_up", len(rows), 2 * config.intermediate_size)
        self._project(x, rows, offsets, weights, gate_up)
        workspace.backend.swiglu(gate_up, inner, **limits)
        return inner

    def _route(self, normed: Float32) -> tuple[Int32, Float32]:
        """Expert ids and router weights, each (tokens, k). The input is never rounded: a choice
        near a tie would change with the precision."""
        config, router = self._config, self._weights.router
        backend, tokens = self._workspace.backend, len(normed)
        logits = self._workspace.floats("router logits", tokens, config.num_experts)
        self._workspace.multiply(normed, router.weight, router.bias, logits)
        expert_ids = np.empty((tokens, config.experts_per_token), np.int32)
        router_weights = np.empty((tokens, config.experts_per_token), np.float32)
        backend.route(logits, expert_ids, router_weights)
        return expert_ids, router_weights

    def _project(
        self, x: Activations, rows: Int32, offsets: Int32, weights: ExpertProjection, out: Float32
    ) -> None:
        backend = self._workspace.backend
        if isinstance(weights, PackedExperts):
            backend.mxfp4_matmul(
                x, rows, offsets, weights.blocks, weights.scales, weights.bias, out
            )
        elif isinstance(weights, Bf16Experts):
            backend.expert_matmul(x, rows, offsets, weights.weight, weights.bias, out)
        else:
            raise TypeError("experts as stored cannot be multiplied; lay them out with `packing`")
