"""LoRA of one projection of all experts, matrix by matrix, and its gradients."""

from __future__ import annotations

import torch
from torch import Tensor


class ExpertMatrices:
    """Adapters in PEFT's layout (`ExpertLora`), split by expert, without a graph.

    a (experts, rank, in), b (experts, out, rank); gradients are summed where `accumulate` is called.
    """

    def __init__(self, a: Tensor, b: Tensor, scale: float, num_experts: int) -> None:
        rank = len(a) // num_experts
        if a.shape[0] != rank * num_experts or b.shape[1] != len(a) or rank == 0:
            raise ValueError(
                f"got LoRA of {len(a)} rows and {b.shape[1]} columns; both must be one rank times {num_experts} experts"
            )
        self._a = a.view(num_experts, rank, -1)
        # One expert's matrix as neighbours, which products read faster.
        self._b = b.view(-1, rank, num_experts).permute(2, 0, 1).contiguous()
        self._scale = scale
        self._d_a: Tensor | None = None
        self._d_b: Tensor | None = None

    def add(self, expert: int, x: Tensor, out: Tensor) -> None:
        """Add to out (entries, out) what the adapter makes of x (entries, in)."""
        out.addmm_(x @ self._a[expert].T, self._b[expert].T, alpha=self._scale)

    def add_transposed(self, expert: int, d: Tensor, out: Tensor) -> None:
        """Add to out (entries, in) the gradient of the inputs, of that of the outputs, d (entries, out)."""
        out.addmm_(d @ self._b[expert], self._a[expert], alpha=self._scale)

    def accumulate(self, expert: int, x: Tensor, d: Tensor) -> None:
        """Add the gradients of the matrices, of inputs x and of d, the gradient of outputs."""
        if self._d_a is None or self._d_b is None:
            self._d_a, self._d_b = torch.zeros_like(self._a), torch.zeros_like(self._b)
        self._d_a[expert].addmm_((d @ self._b[expert]).T, x, alpha=self._scale)
        self._d_b[expert].addmm_(d.T, x @ self._a[expert].T, alpha=self._scale)

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Of a and b, in PEFT's layout; zero for experts without entries."""
        d_a = torch.zeros_like(self._a) if self._d_a is None else self._d_a
        d_b = torch.zeros_like(self._b) if self._d_b is None else self._d_b
        return d_a.flatten(0, 1), d_b.permute(1, 2, 0).flatten(1)
