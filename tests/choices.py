"""Every choice of kernels that this machine can be told to make, whatever it would choose by itself.

A test that runs with each of `CHOICES` finds here what a processor that makes another choice would have found.
"""

from __future__ import annotations

from dataclasses import dataclass

from gptoss import kernels


@dataclass(frozen=True)
class Choice:
    """An instruction set, and whether bfloat16 is multiplied in pairs."""

    isa: str
    bf16_pairs: bool

    def __str__(self) -> str:
        return f"{self.isa}-pairs" if self.bf16_pairs else self.isa

    def backend(self, threads: int = 1) -> kernels.Backend:
        return kernels.Backend(isa=self.isa, threads=threads, bf16_pairs=self.bf16_pairs)


CHOICES = tuple(
    Choice(isa, in_pairs) for isa in kernels.isas() for in_pairs in kernels.bf16_pairs(isa)
)

# A machine of one core, of two, of a number that divides nothing, and of more than there are pieces of work.
THREADS = (1, 2, 3, 7, 64)
