"""LoRA of one projection of all experts, expert by expert, and its gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from gptoss.kernels import GROUP
from gptoss.train.packed.arithmetic import Arithmetic


class ExpertMatrices:
    """Adapters in PEFT's layout (`ExpertLora`), split by expert, without a graph.

    Gradients are summed where `accumulate` is called. Products are our own kernels', whose sums have one order for any
    number of threads; they want columns in multiples of sixteen, to which the rank is filled up.
    """

    def __init__(
        self, arithmetic: Arithmetic, a: Tensor, b: Tensor, scale: float, num_experts: int
    ) -> None:
        rank = len(a) // num_experts
        if a.shape[0] != rank * num_experts or b.shape[1] != len(a) or rank == 0:
            raise ValueError(
                f"got LoRA of {len(a)} rows and {b.shape[1]} columns; both must be one rank times {num_experts} experts"
            )
        self._arithmetic = arithmetic
        self._rank = rank
        self._scale = scale
        # (experts, rank, in) and (experts, rank, out), the latter scaled; and both with columns for rows.
        self._a = a.view(num_experts, rank, -1)
        self._b = (scale * b).view(-1, rank, num_experts).permute(2, 1, 0).contiguous()
        self._a_columns, self._b_columns = self._columns(self._a), self._columns(self._b)
        self._d_a, self._d_b = torch.zeros_like(self._a), torch.zeros_like(self._b)

    def add(self, expert: int, x: Tensor, out: Tensor) -> None:
        """Add to out (entries, out) what the adapter makes of x (entries, in)."""
        self._add(self._narrow(x, self._a_columns[expert]), self._b[expert], out)

    def add_transposed(self, expert: int, d: Tensor, out: Tensor) -> None:
        """Add to out (entries, in) the gradient of the inputs, of that of the outputs, d (entries, out)."""
        self._add(self._narrow(d, self._b_columns[expert]), self._a[expert], out)

    def accumulate(self, expert: int, x: Tensor, d: Tensor) -> None:
        """Add the gradients of the matrices, of inputs x and of d, the gradient of outputs."""
        self._add(self._narrow(d, self._b_columns[expert]).T, x, self._d_a[expert])
        self._add(self._narrow(x, self._a_columns[expert]).T, d, self._d_b[expert])

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Of a and b, in PEFT's layout; zero for experts without entries."""
        return self._d_a.flatten(0, 1), self._scale * self._d_b.permute(2, 1, 0).flatten(1)

    def _columns(self, rows: Tensor) -> Tensor:
        """(experts, width, rank filled up) of (experts, rank, width)."""
        experts, rank, width = rows.shape
        out = torch.zeros(experts, width, -(-rank // GROUP) * GROUP)
        out[..., :rank] = rows.transpose(1, 2)
        return out

    def _narrow(self, x: Tensor, columns: Tensor) -> Tensor:
        """x by the matrix, (entries, rank), in a buffer that the next call takes."""
        shape = (len(x), columns.shape[1])
        out = torch.from_numpy(self._arithmetic.workspace.floats("rank", *shape)).zero_()
        self._add(x, columns, out)
        return out[:, : self._rank]

    def _add(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        self._arithmetic.training.add_product(a.numpy(), b.numpy(), out.numpy())
