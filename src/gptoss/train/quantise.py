"""MXFP4 and bfloat16 rounding of weights, for export and for training with the rounding in the loop."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 32
E2M1_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
E8M0_BIAS = 127
# Halfway between neighbours; ties go to the even code, as IEEE rounding does.
_BOUNDARIES = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)


def quantise_mxfp4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round blocks of 32 along the last dimension to MXFP4.

    The scale is the power of two that puts the block's largest value at or below 6 with the least squared error among
    the two candidates of the OCP MX rule and its neighbour above.
    weight (..., n) float, n a multiple of 32 -> blocks (..., n / 32, 16) uint8, low nibble first, and
    scales (..., n / 32) uint8, the exponent plus 127.
    """
    values = weight.detach().double().reshape(*weight.shape[:-1], -1, BLOCK)
    largest = values.abs().amax(-1, keepdim=True)
    floor = torch.floor(torch.log2(largest.clamp(min=2.0**-120))) - 2
    candidates = [_round_with_exponent(values, floor + step) for step in (0, 1)]
    errors = [((rounded - values) ** 2).sum(-1, keepdim=True) for _, rounded in candidates]
    upper = errors[1] < errors[0]
    codes = torch.where(upper, candidates[1][0], candidates[0][0]).to(torch.uint8)
    scales = (torch.where(upper, floor + 1, floor).squeeze(-1) + E8M0_BIAS).to(torch.uint8)
    return codes[..., ::2] | (codes[..., 1::2] << 4), scales


def _round_with_exponent(values: Tensor, exponent: Tensor) -> tuple[Tensor, Tensor]:
    """Codes and rounded values for a given exponent."""
    scaled = values / torch.exp2(exponent)
    boundaries = torch.tensor(_BOUNDARIES, dtype=values.dtype, device=values.device)
    magnitude = scaled.abs()
    code = torch.bucketize(magnitude, boundaries)
    # bucketize sends a tie down; an odd lower code gives it up to the even one above.
    is_tie = magnitude == boundaries[code.clamp(max=len(_BOUNDARIES) - 1)]
    code = code + (is_tie & (code % 2 == 1)).long()
    table = torch.tensor(E2M1_VALUES, dtype=values.dtype, device=values.device)
    rounded = table[code] * scaled.sign() * torch.exp2(exponent)
    return code + 8 * (scaled < 0).long(), rounded


def dequantise_mxfp4(blocks: Tensor, scales: Tensor) -> Tensor:
    """Exact float32 values (..., n) of blocks (..., n / 32, 16) and scales (..., n / 32)."""
    table = torch.tensor([*E2M1_VALUES, *(-value for value in E2M1_VALUES)], dtype=torch.float32)
    codes = torch.stack((blocks & 15, blocks >> 4), dim=-1).flatten(-2).long()
    factor = torch.exp2(scales.float() - E8M0_BIAS)
    return (table.to(blocks.device)[codes] * factor.unsqueeze(-1)).flatten(-2)


def as_exported(name: str, weight: Tensor) -> Tensor:
    """The float values that a parameter has after export: MXFP4 for experts' matrices, bfloat16 for the rest."""
    if name.endswith(("gate_up_proj", "down_proj")):
        # Held in-features first; blocks run along the in-features.
        by_output = weight.detach().transpose(-1, -2).contiguous()
        return dequantise_mxfp4(*quantise_mxfp4(by_output)).transpose(-1, -2).to(weight.dtype)
    return weight.detach().bfloat16().to(weight.dtype)
