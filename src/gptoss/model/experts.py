"""The mixture of experts: norm, router, and the chosen experts' feed-forward networks."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.kernels import Activations, Float32, Int32
from gptoss.model.config import Config
from gptoss.model.weights import Bf16Experts, ExpertWeights, PackedExperts
from gptoss.model.workspace import Workspace


@dataclass(frozen=True)
class Choices:
    """Which token goes to which expert, as entries sorted by expert.

    rows (entries): an entry's token; offsets (experts + 1): expert e has the entries offsets[e] to
    offsets[e + 1]; entries, weights (tokens, k): a token's entries, the largest router weight first.
    """

    rows: Int32
    offsets: Int32
    entries: Int32
    weights: Float32


class Experts:
    """The experts of one layer and their router."""

    def __init__(self, config: Config, weights: ExpertWeights, workspace: Workspace) -> None:
        self._config = config
        self._weights = weights
        self._workspace = workspace
        self._limits = {"alpha": config.swiglu_alpha, "limit": config.swiglu_limit}

    def add_to(self, hidden: Float32) -> None:
        """Add the chosen experts' weighted sum to the residual stream, (tokens, hidden_size)."""
        config, weights, workspace = self._config, self._weights, self._workspace
        normed = workspace.floats("normed", *hidden.shape)
        rounded = workspace.rounded("normed", normed, weights.gate_up)
        workspace.backend.rms_norm(
            hidden, weights.norm, normed, eps=config.rms_norm_eps, rounded=rounded
        )
        choices = self._route(normed)
        inner = self._gate_up(normed if rounded is None else rounded, choices)
        self._add_down(inner, choices, hidden)

    def _route(self, normed: Float32) -> Choices:
        """The input is never rounded: a choice near a tie would change with the precision."""
        config, router, workspace = self._config, self._weights.router, self._workspace
        backend, tokens, k = workspace.backend, len(normed), config.experts_per_token
        logits = workspace.floats("router logits", tokens, config.num_experts)
        workspace.multiply(normed, router.weight, router.bias, logits)
        expert_ids = workspace.integers("expert ids", tokens, k)
        choices = Choices(
            workspace.integers("rows", tokens * k),
            workspace.integers("offsets", config.num_experts + 1),
            workspace.integers("entries", tokens, k),
            workspace.floats("router weights", tokens, k),
        )
        backend.route(logits, expert_ids, choices.weights)
        backend.assign(expert_ids, choices.rows, choices.offsets, choices.entries)
        return choices

    def _gate_up(self, x: Activations, choices: Choices) -> Activations:
        """The first projection and its activation function, (entries, intermediate_size), as `down` takes it."""
        config, workspace, weights = self._config, self._workspace, self._weights.gate_up
        rows, offsets, width = choices.rows, choices.offsets, config.intermediate_size
        inner = workspace.floats("inner", len(rows), width)
        rounded = workspace.rounded("inner", inner, self._weights.down)
        if isinstance(weights, PackedExperts):
            workspace.backend.mxfp4_swiglu(
                x,
                rows,
                offsets,
                weights.blocks,
                weights.scales,
                weights.bias,
                inner,
                **self._limits,
                rounded=rounded,
            )
        elif isinstance(weights, Bf16Experts):
            gate_up = workspace.floats("gate_up", len(rows), 2 * width)
            workspace.backend.expert_matmul(x, rows, offsets, weights.weight, weights.bias, gate_up)
            workspace.backend.swiglu(gate_up, inner, **self._limits, rounded=rounded)
        else:
            raise _not_laid_out()
        return inner if rounded is None else rounded

    def _add_down(self, inner: Activations, choices: Choices, hidden: Float32) -> None:
        """The second projection, and its weighted sum over each token's experts."""
        workspace, weights = self._workspace, self._weights.down
        backend, num_entries = workspace.backend, len(choices.rows)
        out = workspace.floats("down", num_entries, self._config.hidden_size)
        in_order = workspace.numbers(num_entries)
        if isinstance(weights, PackedExperts):
            backend.mxfp4_combine(
                inner,
                in_order,
                choices.offsets,
                weights.blocks,
                weights.scales,
                weights.bias,
                out,
                choices.entries,
                choices.weights,
                hidden,
            )
        elif isinstance(weights, Bf16Experts):
            backend.expert_matmul(
                inner, in_order, choices.offsets, weights.weight, weights.bias, out
            )
            backend.combine(out, choices.entries, choices.weights, hidden)
        else:
            raise _not_laid_out()


def _not_laid_out() -> TypeError:
    return TypeError("experts as stored cannot be multiplied; lay them out with `packing`")
