"""The differentiable twin of the model: the same rules in PyTorch, for training from scratch and as an oracle.

Parameters carry the names of the released checkpoint; experts are held in float, in-features first, as the
dequantised export holds them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

SWIGLU_ALPHA = 1.702


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a gpt-oss model; field names are the keys of the released config.json."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    num_local_experts: int
    num_experts_per_tok: int
    sliding_window: int = 128
    rope_theta: float = 150000.0
    rope_factor: float = 32.0
    rope_beta_fast: float = 32.0
    rope_beta_slow: float = 1.0
    original_max_position_embeddings: int = 4096
    swiglu_limit: float = 7.0
    rms_norm_eps: float = 1e-5


def rope_frequencies(shape: Shape) -> tuple[Tensor, float]:
    """YaRN inverse frequencies (head_dim / 2), ramp ends not rounded, and the concentration of cos and sin."""
    half = shape.head_dim // 2
    exponent = torch.arange(half, dtype=torch.float64) / half
    extrapolated = shape.rope_theta**-exponent
    interpolated = extrapolated / shape.rope_factor

    def ramp_end(rotations: float) -> float:
        ratio = shape.original_max_position_embeddings / (rotations * 2 * math.pi)
        return half * math.log(ratio) / math.log(shape.rope_theta)

    low, high = ramp_end(shape.rope_beta_fast), ramp_end(shape.rope_beta_slow)
    low, high = max(low, 0.0), min(high, shape.head_dim - 1.0)
    ramp = ((torch.arange(half, dtype=torch.float64) - low) / max(high - low, 1e-3)).clamp(0, 1)
    frequencies = interpolated * ramp + extrapolated * (1 - ramp)
    return frequencies.float(), 0.1 * math.log(shape.rope_factor) + 1.0


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions and one sink per head."""

    def __init__(self, shape: Shape, window: int | None) -> None:
        super().__init__()
        self.shape, self.window = shape, window
        width, dim = shape.hidden_size, shape.head_dim
        self.q_proj = nn.Linear(width, shape.num_attention_heads * dim)
        self.k_proj = nn.Linear(width, shape.num_key_value_heads * dim)
        self.v_proj = nn.Linear(width, shape.num_key_value_heads * dim)
        self.o_proj = nn.Linear(shape.num_attention_heads * dim, width)
        self.sinks = nn.Parameter(torch.zeros(shape.num_attention_heads))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x (batch, tokens, hidden); cos, sin (tokens, head_dim / 2)."""
        batch, tokens, _ = x.shape
        dim = self.shape.head_dim

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, tokens, -1, dim).transpose(1, 2)

        query = rotate(heads(self.q_proj(x)), cos, sin)
        key = rotate(heads(self.k_proj(x)), cos, sin)
        value = heads(self.v_proj(x))
        out = attend_with_sinks(query, key, value, self.sinks, self.window)
        return cast(Tensor, self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1)))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate halves: value i pairs with i + head_dim / 2."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def attend_with_sinks(
    query: Tensor, key: Tensor, value: Tensor, sinks: Tensor, window: int | None
) -> Tensor:
    """Causal attention in which a sink joins each head's softmax and adds no value.

    The sink is one more key of value zero. An extra head dimension, 1 in every query and 0 in every other key,
    gives it its score, so that the fused attention of PyTorch can be used.
    query (batch, heads, tokens, dim), key and value (batch, kv_heads, tokens, dim).
    """
    batch, heads, tokens, dim = query.shape
    group = heads // key.shape[1]
    key, value = (x.repeat_interleave(group, dim=1) for x in (key, value))
    pad = 8
    query = torch.cat((query * dim**-0.5, query.new_ones(batch, heads, tokens, 1)), dim=-1)
    query = functional.pad(query, (0, pad - 1))
    sink_key = functional.pad(sinks.view(1, heads, 1, 1), (dim, pad - 1)).expand(batch, -1, -1, -1)
    key = torch.cat((sink_key, functional.pad(key, (0, pad))), dim=2)
    value = functional.pad(value, (0, pad, 1, 0))
    mask = torch.ones(tokens, tokens + 1, dtype=torch.bool, device=query.device).tril(1)
    if window is not None:
        mask = mask.triu(2 - window)
    mask[:, 0] = True
    out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
    return out[..., :dim]


class Experts(nn.Module):
    """Gate and up interleaved, clamped SwiGLU, down; each token through its chosen experts only."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        experts, width, inner = shape.num_local_experts, shape.hidden_size, shape.intermediate_size
        self.limit = shape.swiglu_limit
        self.gate_up_proj = nn.Parameter(torch.empty(experts, width, 2 * inner))
        self.gate_up_proj_bias = nn.Parameter(torch.zeros(experts, 2 * inner))
        self.down_proj = nn.Parameter(torch.empty(experts, inner, width))
        self.down_proj_bias = nn.Parameter(torch.zeros(experts, width))

    def forward(self, x: Tensor, expert_ids: Tensor, weights: Tensor) -> Tensor:
        """x (tokens, hidden); expert_ids, weights (tokens, k)."""
        k = expert_ids.shape[1]
        order = expert_ids.flatten().argsort(stable=True)
        counts = torch.bincount(expert_ids.flatten(), minlength=len(self.down_proj)).tolist()
        token = order // k
        pieces = []
        for expert, inputs in enumerate(torch.split(x[token], counts)):
            gate_up = torch.addmm(self.gate_up_proj_bias[expert], inputs, self.gate_up_proj[expert])
            hidden = swiglu(gate_up, self.limit)
            pieces.append(torch.addmm(self.down_proj_bias[expert], hidden, self.down_proj[expert]))
        weighted = torch.cat(pieces) * weights.flatten()[order].unsqueeze(1)
        return torch.zeros_like(x).index_add(0, token, weighted)


def swiglu(gate_up: Tensor, limit: float) -> Tensor:
    """gate * sigmoid(1.702 gate) * (up + 1), gate and up interleaved and clamped."""
    gate, up = gate_up[..., ::2].clamp(max=limit), gate_up[..., 1::2].clamp(-limit, limit)
    return gate * torch.sigmoid(SWIGLU_ALPHA * gate) * (up + 1)


class MixtureOfExperts(nn.Module):
    """Router and experts. `balance_loss` is that of the last pass."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.k = shape.num_experts_per_tok
        self.router = nn.Linear(shape.hidden_size, shape.num_local_experts)
        self.experts = Experts(shape)
        self.balance_loss = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        logits = self.router(flat)
        top, expert_ids = logits.topk(self.k, dim=-1)
        share = functional.one_hot(expert_ids, logits.shape[-1]).float().mean((0, 1))
        self.balance_loss = (share * logits.softmax(-1).mean(0)).sum() * logits.shape[-1]
        return cast(Tensor, self.experts(flat, expert_ids, top.softmax(-1))).view_as(x)


class Layer(nn.Module):
    """One transformer layer; even layers slide."""

    def __init__(self, shape: Shape, index: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape, shape.sliding_window if index % 2 == 0 else None)
        self.post_attention_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.mlp = MixtureOfExperts(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + cast(Tensor, self.mlp(self.post_attention_layernorm(x)))


class TorchModel(nn.Module):
    """Token ids (batch, tokens) to logits (batch, tokens, vocabulary)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape, i) for i in range(shape.num_hidden_layers))
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.lm_head = nn.Linear(shape.hidden_size, shape.vocab_size, bias=False)
        frequencies, self.concentration = rope_frequencies(shape)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Random weights for training from scratch; projections back to the residual start small."""
        depth = (2 * self.shape.num_hidden_layers) ** -0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2 or name.endswith("_proj_bias"):
                continue
            fan_in = parameter.shape[-2] if ".experts." in name else parameter.shape[-1]
            scale = 0.5 if "embed_tokens" in name else fan_in**-0.5
            if name.endswith(("o_proj.weight", "down_proj")):
                scale *= depth
            nn.init.normal_(parameter, std=scale, generator=generator)

    def hidden(self, token_ids: Tensor) -> Tensor:
        """The final norm's output (batch, tokens, hidden)."""
        positions = torch.arange(token_ids.shape[1], device=token_ids.device)
        angles = positions[:, None].float() * cast(Tensor, self.frequencies)
        cos, sin = angles.cos() * self.concentration, angles.sin() * self.concentration
        x = self.embed_tokens(token_ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return cast(Tensor, self.norm(x))

    def forward(self, token_ids: Tensor) -> Tensor:
        return cast(Tensor, self.lm_head(self.hidden(token_ids)))

    def balance_loss(self) -> Tensor:
        """How unevenly the last pass used the experts; 1 is even."""
        losses = [cast(Layer, layer).mlp.balance_loss for layer in self.layers]
        return torch.stack(losses).mean()
